import type { Hono } from 'hono';
import * as z from 'zod';
import { relayId } from '../../shared/wire/events.ts';
import type { Deps } from '../deps.ts';
import { checked } from './checked.ts';
import { type Enrolment, enrol, finishRotation, revoke, rotate } from './enrol.ts';
import type { Caller } from './handler.ts';

const enrolRequest = z.strictObject({
  name: relayId,
  /** A role's name as IAM allows it. */
  role: z
    .string()
    .regex(/^[\w+=,.@-]{1,64}$/, 'the name of an IAM role')
    .optional(),
});

/** The routes that make and take away relays' credentials. On AWS a function of its own has the rights for them. */
export function addEnrolment(app: Hono<Caller>, deps: Deps, enrolment: Enrolment): Hono<Caller> {
  app.post('/v1/relays', async (c) => {
    const wanted = checked(enrolRequest, await c.req.json().catch(() => undefined));
    return c.json(await enrol(deps, enrolment, wanted, c.var.actor), 201);
  });
  app.post('/v1/relays/:name/keys', async (c) =>
    c.json(await rotate(deps, enrolment, checked(relayId, c.req.param('name')), c.var.actor), 201),
  );
  app.delete('/v1/relays/:name/keys', async (c) => {
    await finishRotation(deps, enrolment, checked(relayId, c.req.param('name')), c.var.actor);
    return c.json({ rotated: c.req.param('name') });
  });
  app.delete('/v1/relays/:name', async (c) => {
    await revoke(deps, enrolment, checked(relayId, c.req.param('name')), c.var.actor);
    return c.json({ revoked: c.req.param('name') });
  });
  return app;
}
