import { Hono } from 'hono';
import { expect, test } from 'vitest';
import type { Caller } from '../functions/api/handler.ts';
import { byPrincipal } from './api-principal.ts';

const app = new Hono<Caller>().use(byPrincipal).get('/', (c) => c.text(c.var.actor));
const ask = (authorizer: unknown, headers = {}) =>
  app.request('/', { headers }, { event: { requestContext: { authorizer } } });

test('the actor is the principal that signed, whatever the request says of itself', async () => {
  const userArn = 'arn:aws:sts::123456789012:assumed-role/security/anna';
  const answer = await ask({ iam: { userArn } }, { 'x-holdfast-actor': 'somebody else' });
  expect(await answer.text()).toBe(userArn);
});

test('a request that no IAM principal signed is refused', async () => {
  for (const authorizer of [undefined, {}, { iam: null }, { iam: { userArn: '' } }, { jwt: { claims: {} } }]) {
    expect((await ask(authorizer)).status).toBe(401);
  }
});
