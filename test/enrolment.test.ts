import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Enrolment, enrol, revoke } from '../functions/api/enrol.ts';
import { senderFault } from '../functions/sender.ts';
import { startDeps, type TestDeps } from './deps.fixture.ts';
import { event, t0 } from './function-events.fixture.ts';

let hub: TestDeps;
beforeEach(async () => {
  hub = await startDeps();
});
afterEach(() => hub.close());

/** Credentials that are made and taken away by nobody. */
const nowhere: Enrolment = {
  create: async (relay, role) => ({
    region: 'eu-central-1',
    queues: { events: 'https://x/e', reports: 'https://x/r', commands: `https://x/${relay}` },
    senderId: `AROA${role ?? relay}`,
  }),
  rotate: async () => ({ accessKeyId: 'AKIA', secretAccessKey: 's' }),
  retireOldKeys: async () => {},
  remove: async () => {},
  hubKeys: async () => ({}),
};

test('I9: a role is one relay’s: two that share it could each speak as the other', async () => {
  await enrol(hub.deps, nowhere, { name: 'mx1', role: 'Relays' }, 'anna');
  await expect(enrol(hub.deps, nowhere, { name: 'mx2', role: 'relays' }, 'anna')).rejects.toThrow(
    'role relays is that of relay mx1; each relay needs its own',
  );
  await enrol(hub.deps, nowhere, { name: 'mx2', role: 'mx2' }, 'anna');
  await revoke(hub.deps, nowhere, 'mx1', 'anna');
  await enrol(hub.deps, nowhere, { name: 'mx3', role: 'relays' }, 'anna');
});

test('a relay that two enrol at once is enrolled once, and the other one is told', async () => {
  const at = (): Promise<unknown> => enrol(hub.deps, nowhere, { name: 'mx1' }, 'anna');
  const outcomes = await Promise.allSettled([at(), at()]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { status: 409 } });
});

test('I9: a revocation that broke off is tried again, and until then nobody is believed to be the relay', async () => {
  await enrol(hub.deps, nowhere, { name: 'mx1' }, 'anna');
  const away = { ...nowhere, remove: () => Promise.reject(new Error('IAM is away')) };
  await expect(revoke(hub.deps, away, 'mx1', 'anna')).rejects.toThrow('IAM is away');
  const { Records } = event('mx1', '', t0, 'AROAmx1');
  const [sent] = Records;
  expect(sent && (await senderFault(hub.deps, sent, 'mx1'))).toBe('sent by AROAmx1, which may not speak for relay mx1');
  await revoke(hub.deps, nowhere, 'mx1', 'anna');
  expect(await hub.deps.relays.get('mx1')).toBeUndefined();
});
