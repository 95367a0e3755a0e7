import { Hono } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { HTTPException } from 'hono/http-exception';
import * as z from 'zod';
import { relayId } from '../../shared/wire/events.ts';
import { term } from '../../shared/wire/selection.ts';
import type { Deps } from '../deps.ts';
import { approve, undo } from './acts.ts';
import { type Enrolment, enrol, revoke } from './enrol.ts';
import { findingDetail, listFindings, listRelays, overview } from './views.ts';

/** Whoever holds the token acts as `NAME (token)`: NAME is what the client says of itself. */
const actorHeader = 'x-holdfast-actor';

const approval = z.strictObject({
  purge: z.array(term).max(64).default([]),
  release: z.array(term).max(64).default([]),
});
const page = z.object({ days: z.coerce.number().int().min(1).max(92).default(7) });

/** The one way in for people and programs: CLI and console use nothing else. */
export function api(deps: Deps, enrolment: Enrolment, token: string): Hono {
  const app = new Hono();
  const actor = (headers: Headers): string => `${(headers.get(actorHeader) ?? 'somebody').slice(0, 64)} (token)`;

  app.use('/v1/*', bearerAuth({ token }));
  app.get('/v1/status', async (c) => c.json(await overview(deps)));
  app.get('/v1/relays', async (c) => c.json(await listRelays(deps)));
  app.post('/v1/relays', async (c) => {
    const { name } = checked(z.strictObject({ name: relayId }), await c.req.json().catch(() => undefined));
    return c.json(await enrol(deps, enrolment, name, actor(c.req.raw.headers)), 201);
  });
  app.delete('/v1/relays/:name', async (c) => {
    await revoke(deps, enrolment, checked(relayId, c.req.param('name')), actor(c.req.raw.headers));
    return c.json({ revoked: c.req.param('name') });
  });
  app.get('/v1/findings', async (c) => c.json(await listFindings(deps, checked(page, c.req.query()).days)));
  app.get('/v1/findings/:id', async (c) => c.json(await findingDetail(deps, c.req.param('id'))));
  app.post('/v1/findings/:id/approve', async (c) => {
    const { purge, release } = checked(approval, await c.req.json().catch(() => ({})));
    return c.json(await approve(deps, c.req.param('id'), purge, release, actor(c.req.raw.headers)));
  });
  app.post('/v1/findings/:id/undo', async (c) => c.json(await undo(deps, c.req.param('id'), actor(c.req.raw.headers))));

  app.notFound((c) => c.json({ error: `nothing at ${c.req.method} ${c.req.path}` }, 404));
  app.onError((error, c) => {
    if (error instanceof HTTPException)
      return c.json({ error: error.message || 'the bearer token is missing or wrong' }, error.status);
    deps.log.error({ error: String(error), path: c.req.path }, 'the API failed');
    return c.json({ error: 'internal error; the log has more' }, 500);
  });
  return app;
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new HTTPException(400, { message: z.prettifyError(parsed.error) });
}
