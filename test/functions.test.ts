import type { SQSEvent } from 'aws-lambda';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { undo } from '../functions/api/acts.ts';
import { dispatch } from '../functions/dispatch/handler.ts';
import { ingest } from '../functions/ingest/handler.ts';
import { record } from '../functions/record/handler.ts';
import { expireContainments } from '../functions/schedule/expire.ts';
import { resendOutbox } from '../functions/schedule/outbox.ts';
import { silentRelays } from '../functions/schedule/silent.ts';
import { sweep } from '../functions/schedule/sweep.ts';
import { commandQueueName, queueNames } from '../hub/queue-names.ts';
import type { FindingEvent } from '../shared/store/outbox.ts';
import { packLines } from '../shared/wire/lines.ts';
import { startDeps, type TestDeps } from './deps.fixture.ts';
import { submission } from './hub-fixture.ts';

let hub: TestDeps;
const t0 = Date.now();
beforeEach(async () => {
  hub = await startDeps();
  hub.setNow(t0);
});
afterEach(() => hub.close());

let serial = 0;
function event(relay: string, body: object | string, sentAt = t0, sender = `relay:${relay}`): SQSEvent {
  serial += 1;
  return {
    Records: [
      {
        messageId: `m${serial}`,
        receiptHandle: 'r',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        attributes: {
          SenderId: sender,
          SentTimestamp: String(sentAt),
          ApproximateReceiveCount: '1',
          ApproximateFirstReceiveTimestamp: String(sentAt),
        },
        messageAttributes: {},
        md5OfBody: '',
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:local:000000000000:q',
        awsRegion: 'local',
      },
    ],
  };
}

function pack(relay: string, lines: readonly string[]): object {
  const text = lines.map((line, index) => `${index * 100} ${line}\n`).join('');
  const range = { n: lines.length, all: lines.length, from: 0, to: 100 * lines.length };
  return { v: 1, kind: 'lines', relay, file: '/var/log/mail.log', zone: 'UTC', ...range, b: packLines(text) };
}

/** `count` messages of a login from `first` on, each under another sender, a second apart. */
function mails(login: string, first: number, count: number, at = t0): string[] {
  return Array.from({ length: count }, (_, index) => {
    const number = first + index;
    const id = `4${number.toString(16).padStart(9, '0').toUpperCase()}`;
    return submission(new Date(at + index * 1000), id, login, `s${number}@forged.test`);
  }).flat();
}

const findings = () => hub.deps.findings.ofDay(new Date(hub.deps.nowMs()).toISOString().slice(0, 10));

test('an account spread thinly over twenty relays is one account: the sweep finds it, and recounts exactly', async () => {
  for (let relay = 0; relay < 20; relay++) {
    const name = `mx${relay}`;
    await hub.enrol(name);
    await ingest(hub.deps)(event(name, pack(name, mails('thief', relay * 10, 2))));
  }
  expect(await findings()).toEqual([]);
  hub.setNow(t0 + 3000);
  await sweep(hub.deps);
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
    await sweep(hub.deps);
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
  const parts = await hub.deps.parts.since('mx1', t0 - 1000, t0 + 1000);
  expect(parts.map(({ counts }) => counts.tooLate)).toEqual([90]);
});

test('I9: what one relay says in the name of another is set aside and acknowledged', async () => {
  await hub.enrol('mx1');
  const answer = await ingest(hub.deps)(event('mx1', pack('mx1', mails('alice', 0, 30)), t0, 'relay:mx2'));
  expect(answer.batchItemFailures).toEqual([]);
  expect(hub.queues.depth(queueNames.dead)).toMatchObject({ ready: 1 });
  expect(await findings()).toEqual([]);
});

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
  await sweep(deps, await silentRelays(deps));
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
