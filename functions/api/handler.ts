import { Hono, type MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import * as z from 'zod';
import { term } from '../../shared/wire/selection.ts';
import type { Deps } from '../deps.ts';
import { approve, undo } from './acts.ts';
import { checked } from './checked.ts';
import { findingDetail, listFindings, listRelays, overview } from './views.ts';

/** Who acts, as the way in has proven it: the audit trail names him. */
export interface Caller {
  readonly Variables: { readonly actor: string };
}

const approval = z.strictObject({
  purge: z.array(term).max(64).default([]),
  release: z.array(term).max(64).default([]),
});
const page = z.object({ days: z.coerce.number().int().min(1).max(92).default(7) });

/** The one way in for people and programs: CLI and console use nothing else. */
export function api(deps: Deps, authenticate: MiddlewareHandler<Caller>): Hono<Caller> {
  const app = new Hono<Caller>();
  app.use('/v1/*', authenticate);
  app.get('/v1/status', async (c) => c.json(await overview(deps)));
  app.get('/v1/relays', async (c) => c.json(await listRelays(deps)));
  app.get('/v1/findings', async (c) => c.json(await listFindings(deps, checked(page, c.req.query()).days)));
  app.get('/v1/findings/:id', async (c) => c.json(await findingDetail(deps, c.req.param('id'))));
  app.post('/v1/findings/:id/approve', async (c) => {
    const { purge, release } = checked(approval, await c.req.json().catch(() => ({})));
    return c.json(await approve(deps, c.req.param('id'), purge, release, c.var.actor));
  });
  app.post('/v1/findings/:id/undo', async (c) => c.json(await undo(deps, c.req.param('id'), c.var.actor)));

  app.notFound((c) => c.json({ error: `nothing at ${c.req.method} ${c.req.path}` }, 404));
  app.onError((error, c) => {
    if (error instanceof HTTPException)
      return c.json({ error: error.message || 'the bearer token is missing or wrong' }, error.status);
    deps.log.error({ error: String(error), path: c.req.path }, 'the API failed');
    return c.json({ error: 'internal error; the log has more' }, 500);
  });
  return app;
}
