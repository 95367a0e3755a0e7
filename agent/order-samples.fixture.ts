import type { CommandOrder, DesiredOrder } from '../shared/wire/orders.ts';

/** A compact JWS whose signature nobody made. */
export const jws = (payload: unknown): string =>
  `${[{ alg: 'ES256', kid: 'k' }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.c2lnbmF0dXJl`;

const envelope = { v: 1, relay: 'mx1', issuedAt: 1, notAfter: 4_000_000_000_000 } as const;
const accountRule = { realm: 'example.org', realmAliases: {} };
export const command = (jti: string, more: Partial<CommandOrder>): CommandOrder => ({
  ...envelope,
  kind: 'command',
  jti,
  act: 'hold',
  account: 'thief@example.org',
  accountRule,
  number: 1,
  requiresGeneration: 0,
  ...more,
});
export const desired = (generation: number, accounts: string[], piece = { index: 0, count: 1 }): DesiredOrder => ({
  ...envelope,
  kind: 'desired',
  jti: `d${generation}.${piece.index}`,
  generation,
  piece,
  accountRule,
  digest: '0'.repeat(64),
  entries: accounts.map((account) => ({
    account,
    mode: 'quarantine',
    logins: [],
    until: Date.now() + 60_000,
    released: [],
  })),
});

export const accept = (id: string, login: string, pid = 7): string =>
  `Nov 24 10:00:00 mx postfix/smtpd[${pid}]: ${id}: client=x[192.0.2.1]:4242, sasl_method=PLAIN, sasl_username=${login}\n`;
