import type { MiddlewareHandler } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { every } from 'hono/combine';
import { createMiddleware } from 'hono/factory';
import type { Caller } from '../functions/api/handler.ts';

/** Whoever holds the token acts as `NAME (token)`: NAME is what the client says of itself. */
const actorHeader = 'x-holdfast-actor';

/** The hub's way in: one bearer token. */
export function byToken(token: string): MiddlewareHandler<Caller> {
  const named = createMiddleware<Caller>(async (c, next) => {
    c.set('actor', `${(c.req.header(actorHeader) ?? 'somebody').slice(0, 64)} (token)`);
    await next();
  });
  return every(bearerAuth({ token }), named);
}
