import { expect, test } from 'vitest';
import type { DesiredEntry, DesiredOrder } from '../../shared/wire/orders.ts';
import { InForce } from './in-force.ts';
import type { QueueFile } from './postfix.ts';

const now = 1_800_000_000_000;
const accountRule = { realm: 'lab.test', realmAliases: { 'mail.lab.test': 'lab.test' } };

function state(entries: readonly Partial<DesiredEntry>[], nowMillis = now, refuses = (_: string) => false): InForce {
  const filled = entries.map((entry) => ({
    account: 'thief@lab.test',
    mode: 'quarantine' as const,
    logins: [],
    until: now + 1000,
    released: [],
    ...entry,
  }));
  const order: DesiredOrder = {
    ...{ v: 1, kind: 'desired', relay: 'r1', jti: 'j', issuedAt: now, notAfter: now, generation: 3 },
    ...{ piece: { index: 0, count: 1 }, accountRule, digest: 'd'.repeat(64) },
    entries: filled,
  };
  return new InForce([order], nowMillis, refuses);
}

function file(over: Partial<QueueFile>): QueueFile {
  const common = { instance: 'i', queueId: 'ABCDEF', queue: 'active' as const, complete: true };
  return { ...common, login: 'thief', sender: 'a@b.test', createdAtMicros: now * 1000, client: '127.66.0.1', ...over };
}

test('the map has every form of the name, and each spelling seen as it was typed', () => {
  const one = state([{ logins: ['Thief@Lab.test', 'thief '] }]);
  expect([...one.mapEntries().keys()].sort()).toEqual(['thief', 'thief ', 'thief@lab.test', 'thief@mail.lab.test']);
  expect(one.mapEntries().get('thief')).toBe('HOLD holdfast quarantine');
  expect(
    state([{ mode: 'block' }])
      .mapEntries()
      .get('thief'),
  ).toMatch(/^REJECT /);
});

test('a spelling is learnt once, only of a contained account, and outlives the generation', () => {
  const one = state([{}]);
  expect(one.learn('alice')).toBe(false);
  expect(one.learn('THIEF')).toBe(false);
  expect(one.learn(' thief\t')).toBe(true);
  expect(one.learn(' thief\t')).toBe(false);
  const next = state([{}]);
  next.learnFrom(one);
  expect(next.unkeyable([...next.entries.values()][0] ?? fail())).toEqual([' thief\t']);
  const other = state([{ account: 'alice@lab.test' }]);
  other.learnFrom(one);
  expect(other.mapEntries().has(' thief\t')).toBe(false);
  for (let n = 0; n < 400; n++) one.learn(`thief${' '.repeat(n + 2)}`);
  expect(one.mapEntries().size).toBeLessThan(210);
  expect(one.mapEntries().has(`thief${' '.repeat(401)}`)).toBe(true);
});

test('it holds mail of contained accounts under any spelling and nobody else’s', () => {
  const one = state([{}]);
  for (const login of ['thief', 'THIEF', 'Thief@LAB.test', 'thief@mail.lab.test']) {
    expect(one.holds(file({ login }))?.account).toBe('thief@lab.test');
  }
  for (const login of ['thief@other.test', 'thie', 'thief2', '__proto__', 'x@__proto__', 'x@constructor']) {
    expect(one.holds(file({ login })), login).toBeUndefined();
  }
  const { login, ...inbound } = file({});
  expect(login).toBe('thief');
  expect(one.holds(inbound)).toBeUndefined();
});

test('released mail stays released: what matched and was accepted before', () => {
  const selection = { include: [{ client: '127.20.0.0/16' }], exclude: [] };
  const one = state([{ released: [{ selection, before: now + 5 }] }]);
  expect(one.holds(file({ client: '127.20.0.1' }))).toBeUndefined();
  expect(one.holds(file({ client: '127.66.0.1' }))).toBeDefined();
  expect(one.holds(file({ client: '127.20.0.1', createdAtMicros: (now + 5) * 1000 }))).toBeDefined();
});

test('an entry stands until its end, and not at all where the relay protects the account', () => {
  expect(state([{}], now + 999).entries.size).toBe(1);
  expect(state([{}], now + 1000).entries.size).toBe(0);
  expect(state([{}, { account: 'b@lab.test', until: now + 500 }]).nextEndMillis).toBe(now + 500);
  expect(state([{}], now, (account) => account === 'thief@lab.test').entries.size).toBe(0);
});

function fail(): never {
  throw new Error('no entry');
}
