import { afterEach, beforeEach, expect, test } from 'vitest';
import { dispatch } from '../functions/dispatch/handler.ts';
import { ingest } from '../functions/ingest/handler.ts';
import { record } from '../functions/record/handler.ts';
import { expireContainments } from '../functions/schedule/expire.ts';
import { resendOutbox } from '../functions/schedule/outbox.ts';
import { type Sweep, sweeper } from '../functions/schedule/sweep.ts';
import { commandQueueName, queueNames } from '../hub/queue-names.ts';
import { packLines } from '../shared/wire/lines.ts';
import { startDeps, type TestDeps } from './deps.fixture.ts';
import { event, mails, pack, t0 } from './function-events.fixture.ts';

let hub: TestDeps;
let sweep: Sweep;
beforeEach(async () => {
  hub = await startDeps();
  hub.setNow(t0);
  sweep = sweeper(hub.deps);
});
afterEach(() => hub.close());

const findings = () => hub.deps.findings.ofDay(new Date(hub.deps.nowMs()).toISOString().slice(0, 10));

test('an account spread thinly over twenty relays is one account: the sweep finds it, and recounts exactly', async () => {
  for (let relay = 0; relay < 20; relay++) {
    const name = `mx${relay}`;
    await hub.enrol(name);
    await ingest(hub.deps)(event(name, pack(name, mails('thief', relay * 10, 2))));
  }
  expect(await findings()).toEqual([]);
  hub.setNow(t0 + 3000);
  await sweep();
  const [finding] = await findings();
  expect(finding).toMatchObject({ account: 'thief@example.org', rule: 'sender-rotation', messagesBeforeOpen: 40 });
  expect(finding?.relays).toHaveLength(20);
});

test('I2: a sweep that reads the same parts again raises no count', async () => {
  for (const name of ['mx0', 'mx1', 'mx2']) {
    await hub.enrol(name);
    await ingest(hub.deps)(event(name, pack(name, mails('alice', Number(name.at(-1)) * 10, 5))));
  }
  for (let round = 1; round <= 6; round++) {
    hub.setNow(t0 + round * 1000);
    await sweep();
  }
  expect(await findings()).toEqual([]);
});

test('I2: packs in any order and repeated give the same finding', async () => {
  await hub.enrol('mx1');
  const lines = mails('thief', 0, 30);
  const packs = [lines.slice(0, 30), lines.slice(20, 70), lines.slice(40)].map((each) => pack('mx1', each));
  for (const each of [packs[2], packs[0], packs[2], packs[1]]) await ingest(hub.deps)(event('mx1', each ?? {}));
  expect(await findings()).toHaveLength(1);
});

test('a spelling that comes in the batch of its own finding is learned with it', async () => {
  await hub.enrol('mx1');
  const first = event('mx1', pack('mx1', mails('thief', 0, 30)));
  const second = event('mx1', pack('mx1', mails('THIEF', 50, 1)));
  await ingest(hub.deps)({ Records: [...first.Records, ...second.Records] });
  expect((await hub.deps.findings.containments())[0]?.logins).toEqual(['thief', 'THIEF']);
});

test('input older than four hours opens a finding and contains nothing', async () => {
  await hub.enrol('mx1');
  await ingest(hub.deps)(event('mx1', pack('mx1', mails('thief', 0, 30, t0 - 5 * 3_600_000))));
  expect(await findings()).toMatchObject([{ response: 'notify' }]);
  expect(await hub.deps.findings.containments()).toEqual([]);
});

test('input older than the parts’ retention is counted and opens nothing', async () => {
  await hub.enrol('mx1');
  await ingest(hub.deps)(event('mx1', pack('mx1', mails('thief', 0, 30, t0 - 9 * 86_400_000))));
  expect(await findings()).toEqual([]);
  const parts = await hub.deps.parts.between('mx1', t0 - 1000, t0);
  expect(parts.map(({ part }) => part.counts.tooLate)).toEqual([90]);
});

test('I9: what one relay says in the name of another is set aside and acknowledged', async () => {
  await hub.enrol('mx1');
  const answer = await ingest(hub.deps)(event('mx1', pack('mx1', mails('alice', 0, 30)), t0, 'relay:mx2'));
  expect(answer.batchItemFailures).toEqual([]);
  expect(hub.queues.depth(queueNames.dead)).toMatchObject({ ready: 1 });
  expect(await findings()).toEqual([]);
});

test('I8: malformed messages are set aside with their reason, whatever they hold', async () => {
  const bodies = [
    '',
    '{',
    '[]',
    '{"v":2}',
    '{"v":1,"kind":"lines","relay":"../x"}',
    '\u0000\ud800',
    pack('mx1', ['x']),
    { ...pack('mx1', []), b: 'AAAA' },
  ];
  await hub.enrol('mx1');
  for (const body of bodies) {
    expect(await ingest(hub.deps)(event('mx1', body))).toEqual({ batchItemFailures: [] });
    expect(await record(hub.deps)(event('mx1', body))).toEqual({ batchItemFailures: [] });
  }
  const { ready } = hub.queues.depth(queueNames.dead);
  expect(ready).toBeGreaterThanOrEqual(bodies.length * 2 - 1);
});

test('a decompression bomb is refused, not unpacked', async () => {
  await hub.enrol('mx1');
  const bomb = { ...pack('mx1', []), b: packLines('0 '.padEnd(64 * 1024 * 1024, 'a')) };
  expect(await ingest(hub.deps)(event('mx1', bomb))).toEqual({ batchItemFailures: [] });
  expect(hub.queues.depth(queueNames.dead)).toMatchObject({ ready: 1 });
});

test('nor does a small pack become a million lines, whatever number of them it says', async () => {
  await hub.enrol('mx1');
  const b = packLines('0 \n'.repeat(1_000_000));
  for (const n of [1, 1_000_000]) await ingest(hub.deps)(event('mx1', { ...pack('mx1', []), n, all: n, b }));
  expect(hub.queues.depth(queueNames.dead)).toMatchObject({ ready: 2 });
});

test('an order whose sending failed stays in the outbox and is sent after its lease', async () => {
  await hub.enrol('mx1');
  await ingest(hub.deps)(event('mx1', pack('mx1', mails('thief', 0, 30))));
  const broken = { ...hub.deps, signer: { kid: 'x', sign: () => Promise.reject(new Error('key service down')) } };
  await expect(dispatch(broken)(event('mx1', ''))).rejects.toThrow('key service down');
  await dispatch(hub.deps)(event('mx1', ''));
  expect(hub.queues.depth(commandQueueName('mx1'))).toMatchObject({ ready: 0 });
  hub.setNow(t0 + 31_000);
  await resendOutbox(hub.deps);
  expect(hub.queues.depth(queueNames.dispatch).ready).toBeGreaterThan(0);
  await dispatch(hub.deps)(event('mx1', ''));
  expect(hub.queues.depth(commandQueueName('mx1'))).toMatchObject({ ready: 2 });
  expect(await hub.deps.outbox.olderThan(t0 + 60_000)).toBe(false);
});

test('a containment ends by itself, and the relays are told', async () => {
  await hub.enrol('mx1');
  await ingest(hub.deps)(event('mx1', pack('mx1', mails('thief', 0, 30))));
  expect(await hub.deps.findings.containments()).toHaveLength(1);
  hub.setNow(t0 + 25 * 3_600_000);
  await expireContainments(hub.deps);
  expect(await hub.deps.findings.containments()).toEqual([]);
  expect(await hub.deps.outbox.olderThan(t0 + 26 * 3_600_000)).toBe(true);
  const [finding] = await hub.deps.findings.ofDay(new Date(t0).toISOString().slice(0, 10));
  expect(finding?.state).toBe('closed');
});

test('mail that gets past a proven containment reopens the finding and kicks again', async () => {
  await hub.enrol('mx1');
  await ingest(hub.deps)(event('mx1', pack('mx1', mails('thief', 0, 30))));
  await dispatch(hub.deps)(event('mx1', ''));
  const proof = { account: 'thief@example.org', what: 'quarantine', verified: true, held: 30, outsideHold: 0 };
  await record(hub.deps)(event('mx1', { v: 1, kind: 'proof', relay: 'mx1', proofs: [proof], at: t0 + 60_000 }));
  expect((await findings())[0]?.state).toBe('contained');
  hub.setNow(t0 + 90_000);
  await ingest(hub.deps)(event('mx1', pack('mx1', mails('thief', 100, 1, t0 + 80_000)), t0 + 90_000));
  await sweep();
  const [finding] = await findings();
  expect(finding?.state).toBe('open');
  expect(finding?.history.at(-1)).toMatchObject({ what: 'escaped' });
  await dispatch(hub.deps)(event('mx1', ''));
  expect(hub.queues.depth(commandQueueName('mx1'))).toMatchObject({ ready: 4 });
});

test('I11: proofs of accounts that nobody contained leave nothing in the store', async () => {
  await hub.enrol('mx1');
  const proof = { account: 'invented@example.org', what: 'quarantine', verified: true, held: 1, outsideHold: 0 };
  await record(hub.deps)(event('mx1', { v: 1, kind: 'proof', relay: 'mx1', proofs: [proof], at: t0 }));
  expect(await hub.deps.relays.accountOnRelays('invented@example.org')).toEqual([]);
});

test('a heartbeat from a relay that lost its state brings it the desired state', async () => {
  await hub.enrol('mx1');
  await ingest(hub.deps)(event('mx1', pack('mx1', mails('thief', 0, 30))));
  await dispatch(hub.deps)(event('mx1', ''));
  const beat = { v: 1, kind: 'heartbeat', relay: 'mx1', at: t0, zone: 'UTC', instances: [], counts: {} };
  hub.setNow(t0 + 60_000);
  await record(hub.deps)(event('mx1', { ...beat, desired: { generation: 0, digest: '' } }, t0 + 60_000));
  await dispatch(hub.deps)(event('mx1', ''));
  expect(hub.queues.depth(commandQueueName('mx1'))).toMatchObject({ ready: 3 });
});
