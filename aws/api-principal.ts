import { createMiddleware } from 'hono/factory';
import { HTTPException } from 'hono/http-exception';
import * as z from 'zod';
import type { Caller } from '../functions/api/handler.ts';

/** What API Gateway's HTTP API adds to a request that it authorised by IAM (payload format 2.0). */
const authorised = z.object({
  event: z.object({
    requestContext: z.object({ authorizer: z.object({ iam: z.object({ userArn: z.string().min(1) }) }) }),
  }),
});

/** API Gateway has checked the signature and tells who signed: that principal is the actor. */
export const byPrincipal = createMiddleware<Caller>(async (c, next) => {
  const parsed = authorised.safeParse(c.env);
  if (!parsed.success) throw new HTTPException(401, { message: 'the request is signed by no IAM principal' });
  c.set('actor', parsed.data.event.requestContext.authorizer.iam.userArn);
  await next();
});
