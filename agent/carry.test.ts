import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linesMessage, type ReportMessage, type ResultMessage, reportMessage } from '../shared/wire/events.ts';
import { unpackLines } from '../shared/wire/lines.ts';
import { agentConfig } from './config.ts';
import { FakeExec } from './fake-exec.fixture.ts';
import type { Log } from './log.ts';
import { startAgent } from './main.ts';
import { accept, command, desired, jws } from './order-samples.fixture.ts';
import { type SqsStub, startSqsStub } from './sqs-stub.fixture.ts';

let folder: string;
let file: string;
let hub: SqsStub;
let exec: FakeExec;
let agent: { close(): Promise<void> } | undefined;
const said: string[] = [];
const log: Log = {
  info: () => undefined,
  warn: (_, message) => said.push(message),
  error: (fields, message) => said.push(`${message} ${JSON.stringify(fields)}`),
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-carry-'));
  file = join(folder, 'mail.log');
  await writeFile(file, '');
  hub = await startSqsStub();
  exec = new FakeExec();
  await exec.listen(join(folder, 'exec.sock'));
  said.length = 0;
});

afterEach(async () => {
  await agent?.close();
  agent = undefined;
  await exec.close();
  await hub.close();
  await rm(folder, { recursive: true });
});

const listed = Array.from(
  { length: 3 },
  (_, index) =>
    `{"queue_name": "${index === 0 ? 'hold' : 'deferred'}", "queue_id": "AAAAA${index}", "arrival_time": ${1_000 + index}, "message_size": 100, "forced_expire": false, "sender": "x\\", \\"queue_id\\": \\"BBBBBB", "recipients": []}`,
);

async function start(): Promise<void> {
  const config = agentConfig.parse({
    relay: 'mx1',
    ...hub.config,
    maillogs: [file],
    instances: [{ name: 'postfix', configDirectory: '/etc/postfix' }],
    execSocket: join(folder, 'exec.sock'),
  });
  const listing = async function* () {
    yield* listed;
  };
  agent = await startAgent({ config, stateDirectory: folder, log, listing });
}

async function until(what: () => boolean, withinMs = 4_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!what()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms; said: ${said.join(' | ')}`);
    await sleep(5);
  }
}

const reports = (): ReportMessage[] =>
  (hub.sent.get('reports') ?? []).map((body) => reportMessage.parse(JSON.parse(body)));
const results = (): ResultMessage[] => reports().filter((report) => report.kind === 'result');
const orders = () => exec.requests.filter((asked) => 'jws' in asked);
const hintedIds = () => exec.requests.flatMap((asked) => ('hint' in asked ? asked.hint.map(([, id]) => id) : []));

describe('carrying orders', () => {
  it('hands an order to exec with the newest candidates, and deletes it once exec has journaled it', async () => {
    await appendFile(
      file,
      accept('AAAAAA', 'thief') + accept('BBBBBB', 'Thief@example.org') + accept('CCCCCC', 'other'),
    );
    await start();
    hub.command(jws(desired(1, [])));
    await until(() => hub.waiting.length === 0);
    await sleep(150);
    hub.command(jws(command('c1', { act: 'kick' })));
    await until(() => orders().length === 2 && hub.waiting.length === 0);
    const asked = orders()[1];
    expect(asked).toMatchObject({
      id: 'c1',
      candidateIds: [
        ['postfix', 'BBBBBB'],
        ['postfix', 'AAAAAA'],
      ],
    });
    expect(asked && 'candidateSessions' in asked && asked.candidateSessions).toEqual([
      { instance: 'postfix', pid: 7, client: '192.0.2.1', clientPort: 4242, login: 'Thief@example.org' },
      { instance: 'postfix', pid: 7, client: '192.0.2.1', clientPort: 4242, login: 'thief' },
    ]);
  });

  it('ships the final answer and only then lets exec forget it', async () => {
    await start();
    hub.command(jws(command('c1', {})));
    await until(() => orders().length === 1);
    hub.fault = { status: 503, type: 'ServiceUnavailable', message: 'busy' };
    exec.say({ id: 'c1', state: 'done', counts: { held: 3 } });
    await sleep(150);
    expect(exec.acked).toEqual([]);
    hub.fault = undefined;
    await until(() => exec.acked.includes('c1'));
    expect(results().at(-1)).toMatchObject({ relay: 'mx1', id: 'c1', state: 'done', counts: { held: 3 }, proofs: [] });
  });

  it('passes on what exec still owed from before', async () => {
    exec.owed = [{ id: 'old', state: 'failed', reason: 'disk full' }];
    await start();
    await until(() => exec.acked.includes('old'));
    expect(results()[0]).toMatchObject({ id: 'old', state: 'failed', reason: 'disk full' });
  });

  it('leaves orders in the queue while exec is away, and brings them in order when it is back', async () => {
    await exec.close();
    await start();
    for (const n of [1, 2, 3]) hub.command(jws(command(`c${n}`, { number: n })));
    await sleep(300);
    expect(hub.waiting).toHaveLength(3);
    await exec.listen(join(folder, 'exec.sock'));
    await until(() => orders().length === 3 && hub.waiting.length === 0);
    expect(orders().map((asked) => ('id' in asked ? asked.id : ''))).toEqual(['c1', 'c2', 'c3']);
  });

  it('keeps an order that exec did not answer before it went away', async () => {
    exec.answer = () => [];
    await start();
    hub.command(jws(command('c1', {})));
    await until(() => orders().length === 1);
    await exec.close();
    expect(hub.waiting).toHaveLength(1);
    exec.answer = (asked) => ('jws' in asked ? [{ id: asked.id, state: 'journaled' }] : []);
    await exec.listen(join(folder, 'exec.sock'));
    await until(() => hub.waiting.length === 0);
    expect(orders()).toHaveLength(2);
  });

  it('keeps an order that exec could not journal, and brings it again', async () => {
    exec.answer = (asked) =>
      'jws' in asked ? [{ id: asked.id, state: 'busy', reason: 'cannot be journaled: ENOSPC' }] : [];
    await start();
    hub.command(jws(command('c1', {})));
    await until(() => orders().length >= 1);
    await sleep(100);
    expect(hub.waiting).toHaveLength(1);
    expect(results()).toEqual([]);
    exec.answer = (asked) => ('jws' in asked ? [{ id: asked.id, state: 'journaled' }] : []);
    await until(() => hub.waiting.length === 0);
  });

  it('brings exec all that is in hand also when the queue goes away before it deletes', async () => {
    await start();
    hub.fault = { status: 503, type: 'ServiceUnavailable', message: 'busy', only: 'DeleteMessage' };
    for (const n of [1, 2, 3]) hub.command(jws(command(`c${n}`, { number: n })));
    await until(() => orders().length === 3);
    expect(orders().map((asked) => ('id' in asked ? asked.id : ''))).toEqual(['c1', 'c2', 'c3']);
    expect(hub.waiting).toHaveLength(3);
  });

  it('reports and deletes what is no order, naming what is wrong', async () => {
    await start();
    hub.command('hello');
    hub.command(jws({ v: 1, kind: 'command' }));
    hub.command(jws(command('#hint-1', {})));
    hub.command(`${'x'.repeat(300_000)}.e30.x`);
    await until(() => results().length === 4 && hub.waiting.length === 0);
    expect(results().map((result) => result.reason)).toEqual([
      'unsigned: not a compact JWS of three parts',
      expect.stringContaining('the payload is no order'),
      expect.stringContaining('may not begin with #'),
      expect.stringContaining('bytes'),
    ]);
    expect(exec.requests).toEqual([]);
  });

  it('keeps an order that exec refused until the hub knows of it', async () => {
    exec.answer = (asked) => ('jws' in asked ? [{ id: asked.id, state: 'refused', reason: 'signature' }] : []);
    await start();
    await until(() => reports().length > 1);
    hub.fault = { status: 503, type: 'ServiceUnavailable', message: 'busy' };
    hub.command(jws(command('c1', {})));
    await until(() => orders().length === 1);
    await sleep(100);
    expect(hub.waiting).toHaveLength(1);
    hub.fault = undefined;
    await until(() => hub.waiting.length === 0);
    expect(results()[0]).toMatchObject({ id: 'c1', state: 'refused', reason: 'signature' });
  });

  it('does not believe an order that exec refused', async () => {
    exec.answer = (asked) => ('jws' in asked ? [{ id: asked.id, state: 'refused', reason: 'signature' }] : []);
    await start();
    hub.command(jws(desired(1, ['thief@example.org'])));
    await until(() => results().length === 1);
    await appendFile(file, accept('AAAAAA', 'thief@example.org'));
    await sleep(200);
    expect(hintedIds()).toEqual([]);
  });
});

describe('hints', () => {
  it('tells exec at once what a contained account submits, with the login as it was written', async () => {
    await start();
    hub.command(jws(desired(1, ['thief@example.org'])));
    await until(() => hub.waiting.length === 0);
    await sleep(50);
    await appendFile(file, accept('AAAAAA', 'THIEF') + accept('BBBBBB', 'other'));
    await until(() => hintedIds().length === 1, 1_000);
    const hint = exec.requests.find((asked) => 'hint' in asked);
    expect(hint).toMatchObject({ hint: [['postfix', 'AAAAAA']], login: 'THIEF' });
  });

  it('still knows after a restart, and tells exec what it may have missed', async () => {
    await start();
    hub.command(jws(desired(1, ['thief@example.org'])));
    await until(() => hub.waiting.length === 0);
    await sleep(50);
    await exec.close();
    await appendFile(file, accept('AAAAAA', 'thief'));
    await sleep(200);
    await agent?.close();
    await exec.listen(join(folder, 'exec.sock'));
    await start();
    await until(() => hintedIds().includes('AAAAAA'));
  });

  it('counts a desired state in pieces only when all of them came', async () => {
    await appendFile(file, accept('AAAAAA', 'one@example.org') + accept('BBBBBB', 'two@example.org'));
    await start();
    hub.command(jws(desired(5, ['one@example.org'], { index: 0, count: 2 })));
    await until(() => hub.waiting.length === 0);
    await appendFile(file, accept('CCCCCC', 'one@example.org'));
    await sleep(150);
    expect(hintedIds()).not.toContain('CCCCCC');
    hub.command(jws(desired(5, ['two@example.org'], { index: 1, count: 2 })));
    await until(() => hub.waiting.length === 0);
    await sleep(50);
    await appendFile(file, accept('DDDDDD', 'one@example.org'));
    await until(() => hintedIds().includes('DDDDDD'));
  });
});

describe('acts of the agent itself', () => {
  it('ships a byte range again when exec has found the order genuine', async () => {
    const lines = ['AAAAAA', 'BBBBBB', 'CCCCCC'].map((id) => accept(id, 'thief'));
    await writeFile(file, lines.join(''));
    await start();
    const length = accept('AAAAAA', 'thief').length;
    const backfill = { file, from: length, to: 2 * length };
    exec.answer = (asked) =>
      'jws' in asked
        ? [
            { id: asked.id, state: 'journaled' },
            { id: asked.id, state: 'done' },
          ]
        : [];
    const { account: _, ...order } = command('b1', { act: 'backfill', backfill });
    hub.command(jws(order));
    await until(() => exec.acked.includes('b1'));
    const [pack] = (hub.sent.get('events') ?? []).map((body) => linesMessage.parse(JSON.parse(body)));
    expect(pack).toMatchObject({ from: length, to: 2 * length });
    expect(pack && unpackLines(pack)).toEqual([lines[1]?.trimEnd()]);
  });

  it('reads no file but its maillogs, whoever signed', async () => {
    await start();
    exec.answer = (asked) => ('jws' in asked ? [{ id: asked.id, state: 'done' }] : []);
    hub.command(jws(command('b1', { act: 'backfill', backfill: { file: '/etc/shadow', from: 0, to: 100 } })));
    await until(() => results().length === 1);
    expect(results()[0]).toMatchObject({ state: 'failed', reason: expect.stringContaining('no maillog') });
    expect(hub.sent.get('events')).toBeUndefined();
  });

  it('does nothing when exec refuses the order', async () => {
    await writeFile(file, accept('AAAAAA', 'thief'));
    await start();
    exec.answer = (asked) => ('jws' in asked ? [{ id: asked.id, state: 'refused', reason: 'forged' }] : []);
    hub.command(jws(command('b1', { act: 'backfill', backfill: { file, from: 0, to: 100 } })));
    await until(() => results().length === 1);
    expect(results()[0]).toMatchObject({ state: 'refused' });
    expect(hub.sent.get('events')).toBeUndefined();
  });
});

describe('reports', () => {
  it('sends a heartbeat with exec’s desired state and a snapshot that joins logins', async () => {
    await writeFile(file, accept('AAAAA0', 'thief') + accept('AAAAA1', 'thief'));
    await start();
    await until(
      () => reports().some(({ kind }) => kind === 'heartbeat') && reports().some(({ kind }) => kind === 'snapshot'),
    );
    const heartbeat = reports().find(({ kind }) => kind === 'heartbeat');
    const bytes = Buffer.byteLength(accept('AAAAA0', 'thief') + accept('AAAAA1', 'thief'));
    expect(heartbeat).toMatchObject({
      maillogs: [{ file, bytes }],
      relay: 'mx1',
      desired: { generation: 7, digest: 'abc' },
      counts: { execConnected: 1 },
    });
    const { account: _, ...order } = command('s1', { act: 'snapshot' });
    exec.answer = (asked) => ('jws' in asked ? [{ id: asked.id, state: 'done' }] : []);
    hub.command(jws(order));
    await until(() => exec.acked.includes('s1'));
    expect(reports().findLast(({ kind }) => kind === 'snapshot')).toMatchObject({
      instance: 'postfix',
      queues: {
        hold: { messages: 1, bytes: 100, oldestAt: 1_000_000 },
        deferred: { messages: 2, bytes: 200, oldestAt: 1_001_000 },
      },
      accounts: [{ login: 'thief', messages: 2, held: 1 }],
    });
  });
});
