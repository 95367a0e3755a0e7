import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { undo } from '../functions/api/acts.ts';
import { dispatch } from '../functions/dispatch/handler.ts';
import { ingest } from '../functions/ingest/handler.ts';
import { record } from '../functions/record/handler.ts';
import { clockOffsets } from '../functions/relay-clock.ts';
import { type Sweep, sweeper } from '../functions/schedule/sweep.ts';
import { commandQueueName, queueNames } from '../hub/queue-names.ts';
import type { FindingEvent } from '../shared/store/outbox.ts';
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

test('I9: a role may speak for its relay whatever its session is called, and no role whose id only begins alike', async () => {
  await hub.enrol('mx1', 'AROAMX1');
  for (const sender of ['AROAMX1', 'AROAMX1:any-session', 'AROAMX1X:any-session', 'AIDAMX1']) {
    await ingest(hub.deps)(event('mx1', pack('mx1', mails('alice', 0, 1)), t0, sender));
  }
  expect(hub.queues.depth(queueNames.dead)).toMatchObject({ ready: 2 });
});

test('I9: a relay bound to no principal speaks only where the queue tells none', async () => {
  await hub.deps.relays.enrol({ relay: 'mx1', commandQueueUrl: 'http://x/', enrolledAt: t0, zone: 'UTC' });
  const said = event('mx1', pack('mx1', mails('alice', 0, 1)), t0, '127.0.0.1');
  await ingest({ ...hub.deps, namesSenders: false })(said);
  expect(hub.queues.depth(queueNames.dead)).toMatchObject({ ready: 0 });
  await ingest(hub.deps)(said);
  expect(hub.queues.depth(queueNames.dead)).toMatchObject({ ready: 1 });
});

test('the containment brake: beyond so many in an hour findings still open, loudly, and wait for a person', async () => {
  await hub.enrol('mx1');
  const counted: string[] = [];
  const deps = { ...hub.deps, maxContainmentsPerHour: 2, count: (metric: string) => counted.push(metric) };
  for (const [index, login] of ['anna', 'berta', 'carla'].entries()) {
    await ingest(deps)(event('mx1', pack('mx1', mails(login, index * 100, 30))));
  }
  expect((await hub.deps.findings.containments()).map(({ account }) => account)).toEqual([
    'anna@example.org',
    'berta@example.org',
  ]);
  const held = (await findings()).find(({ account }) => account === 'carla@example.org');
  expect(held?.history[0]?.detail).toMatch(/not contained: 2 accounts were contained within the hour, the limit is 2/);
  expect(held?.response).toBe('notify');
  expect(counted).toContain('containmentsBraked');
});

test('a finding is announced after its orders, again until the world took it, and then no more', async () => {
  await hub.enrol('mx1');
  await ingest(hub.deps)(event('mx1', pack('mx1', mails('thief', 0, 30))));
  const deaf = { ...hub.deps, announce: () => Promise.reject(new Error('nobody listens')) };
  await expect(dispatch(deaf)(event('mx1', ''))).rejects.toThrow('nobody listens');
  expect(hub.queues.depth(commandQueueName('mx1'))).toMatchObject({ ready: 2 });
  expect(await hub.deps.outbox.olderThan(t0 + 1000)).toBe(true);
  const heard: FindingEvent[] = [];
  const listening = { ...hub.deps, announce: async (each: FindingEvent) => void heard.push(each) };
  for (let round = 0; round < 2; round++) await dispatch(listening)(event('mx1', ''));
  expect(heard).toMatchObject([{ account: 'thief@example.org', what: 'opened', response: 'quarantine' }]);
});

test('a relay whose clock is ten minutes off, either way: its mail is counted with that of the others, and contained', async () => {
  const minutes = 60_000;
  const counted: string[] = [];
  const deps = { ...hub.deps, count: (metric: string, by = 1) => counted.push(...(by > 0 ? [metric] : [])) };
  const offsets = { mx0: 0, mx1: 10 * minutes, mx2: -10 * minutes };
  for (const [index, [name, offset]] of Object.entries(offsets).entries()) {
    await hub.enrol(name);
    const beat = { v: 1, kind: 'heartbeat', relay: name, at: t0 + offset, zone: 'UTC', instances: [], counts: {} };
    await record(deps)(event(name, { ...beat, desired: { generation: 0, digest: '' } }, t0));
    // Eight each: no relay alone shows enough of them.
    await ingest(deps)(event(name, pack(name, mails('thief', index * 10, 8, t0 + offset - 20_000))));
  }
  expect(counted.filter((metric) => metric === 'relaysClockOff')).toHaveLength(2);
  expect(await findings()).toEqual([]);
  hub.setNow(t0 + 3000);
  await sweep(await clockOffsets(deps, Object.keys(offsets)));
  expect(await findings()).toMatchObject([{ account: 'thief@example.org', messagesBeforeOpen: 24 }]);
  expect(await hub.deps.findings.containments()).toHaveLength(1);
});

test('a wrong clock contains nobody: mail that came before an undo stays before it', async () => {
  await hub.enrol('mx1');
  const ahead = 10 * 60_000;
  const beat = { v: 1, kind: 'heartbeat', relay: 'mx1', at: t0 + ahead, zone: 'UTC', instances: [], counts: {} };
  await record(hub.deps)(event('mx1', { ...beat, desired: { generation: 0, digest: '' } }, t0));
  await ingest(hub.deps)(event('mx1', pack('mx1', mails('owner', 0, 30, t0 + ahead - 60_000))));
  const [finding] = await findings();
  hub.setNow(t0 + 5000);
  await undo(hub.deps, finding?.id ?? '', 'anna');
  // Its lines say they are of ten minutes hence; they come again after the undo, with one more of the time before it.
  await ingest(hub.deps)(event('mx1', pack('mx1', mails('owner', 0, 31, t0 + ahead - 60_000)), t0 + 6000));
  expect(await findings()).toHaveLength(1);
});

test('I11: a heartbeat of an impossible time is set aside: kept, it would stop the sweep of all relays', async () => {
  await hub.enrol('mx1');
  const beat = { v: 1, kind: 'heartbeat', relay: 'mx1', zone: 'UTC', instances: [], counts: {} };
  for (const at of [Number.MIN_SAFE_INTEGER, -1, Number.MAX_SAFE_INTEGER]) {
    await record(hub.deps)(event('mx1', { ...beat, at, desired: { generation: 0, digest: '' } }));
  }
  expect(hub.queues.depth(queueNames.dead)).toMatchObject({ ready: 3 });
  expect(await clockOffsets(hub.deps, ['mx1'])).toEqual(new Map([['mx1', 0]]));
});

test('I8: a dead letter is always accepted, whatever its reason says', async () => {
  await hub.enrol('mx1');
  const wrong = Array.from({ length: 60_000 }, (_, index) => [`k${index}`, 'no number'] as const);
  for (const counts of [Object.fromEntries(wrong), { '\uFFFE\uFFFF': 'no number' }]) {
    const beat = { v: 1, kind: 'heartbeat', relay: 'mx1', at: t0, zone: 'UTC', instances: [], counts };
    const said = event('mx1', { ...beat, desired: { generation: 0, digest: '' } });
    expect(await record(hub.deps)(said)).toEqual({ batchItemFailures: [] });
  }
  expect(hub.queues.depth(queueNames.dead)).toMatchObject({ ready: 2 });
});

test('a relay whose command queue was deleted keeps no order from the others, and is told of', async () => {
  const counted: string[] = [];
  const url = hub.deps.queues.dispatch.replace(/[^/]*$/, 'gone.fifo');
  const gone = { senderId: 'relay:mx1', commandQueueUrl: url, enrolledAt: t0, zone: 'UTC' };
  await hub.deps.relays.enrol({ relay: 'mx1', ...gone });
  await hub.enrol('mx2');
  await ingest(hub.deps)(event('mx2', pack('mx2', mails('thief', 0, 30))));
  await dispatch({ ...hub.deps, count: (metric) => counted.push(metric) })(event('mx1', ''));
  expect(hub.queues.depth(commandQueueName('mx2'))).toMatchObject({ ready: 2 });
  expect(counted).toEqual(['ordersRefused', 'ordersRefused']);
  expect(await hub.deps.outbox.olderThan(t0 + 60_000)).toBe(false);
});

test('I8: what no item of the table can hold is set aside with its reason, not tried again and again', async () => {
  await hub.enrol('mx1');
  const lines = Array.from({ length: 1000 }, (_, index) => mails(randomBytes(500).toString('hex'), index, 1)).flat();
  const accepted = lines.filter((line) => line.includes('sasl_username')).slice(0, 1000);
  expect(await ingest(hub.deps)(event('mx1', pack('mx1', accepted)))).toEqual({ batchItemFailures: [] });
  const instances = [{ name: '\uD800', addresses: [] }];
  const beat = { v: 1, kind: 'heartbeat', relay: 'mx1', at: t0, zone: 'UTC', counts: {}, instances };
  await record(hub.deps)(event('mx1', { ...beat, desired: { generation: 0, digest: '' } }));
  const snapshot = { v: 1, kind: 'snapshot', relay: 'mx1', instance: '\uD800', at: t0, queues: {}, accounts: [] };
  expect(await record(hub.deps)(event('mx1', snapshot))).toEqual({ batchItemFailures: [] });
  expect(hub.queues.depth(queueNames.dead)).toMatchObject({ ready: 2 });
});

test('one account that cannot be judged keeps no other from being judged, and is tried again', async () => {
  await hub.enrol('mx1');
  for (const login of ['anna', 'berta']) {
    // One message a batch: it is the sweep that has to find them.
    const lines = mails(login, login === 'anna' ? 0 : 100, 30);
    for (let at = 0; at < lines.length; at += 3) {
      await ingest(hub.deps)(event('mx1', pack('mx1', lines.slice(at, at + 3)), t0 + at));
    }
  }
  hub.setNow(t0 + 5000);
  expect(await findings()).toEqual([]);
  const read = hub.deps.findings.ofAccount.bind(hub.deps.findings);
  hub.deps.findings.ofAccount = (account) =>
    account.startsWith('anna') ? Promise.reject(new Error('unreadable')) : read(account);
  await expect(sweep()).rejects.toThrow('unreadable');
  expect((await findings()).map(({ account }) => account)).toEqual(['berta@example.org']);
  hub.deps.findings.ofAccount = read;
  await sweep();
  expect((await findings()).map(({ account }) => account).sort()).toEqual(['anna@example.org', 'berta@example.org']);
});

test('I11: snapshots of instances that the relay does not have are not kept', async () => {
  await hub.enrol('mx1');
  const beat = { v: 1, kind: 'heartbeat', relay: 'mx1', at: t0, zone: 'UTC', counts: {} };
  const instances = [{ name: 'postfix', addresses: [] }];
  await record(hub.deps)(event('mx1', { ...beat, instances, desired: { generation: 0, digest: '' } }));
  for (const instance of ['postfix', 'invented']) {
    const snapshot = { v: 1, kind: 'snapshot', relay: 'mx1', instance, at: t0, queues: {}, accounts: [] };
    await record(hub.deps)(event('mx1', snapshot));
  }
  expect((await hub.deps.relays.snapshots('mx1')).map(({ instance }) => instance)).toEqual(['postfix']);
});
