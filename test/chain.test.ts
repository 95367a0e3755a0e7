import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { agentConfig } from '../agent/config.ts';
import { execConfig } from '../agent/exec/config.ts';
import { startExec } from '../agent/exec/main.ts';
import { LineSplitter } from '../agent/lines.ts';
import { startAgent } from '../agent/main.ts';
import { Packer } from '../agent/packer.ts';
import { relayFiles } from '../cli/api/relays.ts';
import { listRelays } from '../functions/api/views.ts';
import type { Log, Metric } from '../functions/deps.ts';
import { dispatch } from '../functions/dispatch/handler.ts';
import { ingest } from '../functions/ingest/handler.ts';
import { record } from '../functions/record/handler.ts';
import { schedule } from '../functions/schedule/handler.ts';
import { type Sweep, sweeper } from '../functions/schedule/sweep.ts';
import { eventSource } from '../hub/event-source.ts';
import { queueNames } from '../hub/queue-names.ts';
import { SimulatedRelay } from '../lab/simulated.ts';
import { type FileChain, place } from '../shared/chain/chain.ts';
import { hasStopped, noteSize } from '../shared/chain/stopped.ts';
import { PartCollector } from '../shared/correlate/collect.ts';
import type { Part } from '../shared/correlate/facts.ts';
import { parseLine } from '../shared/parse/line.ts';
import { packPart, unpackPart } from '../shared/parts/pack.ts';
import { chainShardOf } from '../shared/store/chains.ts';
import type { RelayStatus } from '../shared/store/relays.ts';
import type { HeartbeatMessage, LinesMessage } from '../shared/wire/events.ts';
import { startDeps, type TestDeps } from './deps.fixture.ts';
import { eventually, silent, submission, TestRelay } from './hub-fixture.ts';

/** The queues' clock, and the relay's; the functions' one begins in the past, so that it can pass what they wait for. */
const t0 = Date.now() - 3_600_000;
const closers: (() => unknown)[] = [];
const said: { fields: object; message: string }[] = [];
const counted = new Map<Metric, number>();
let hub: TestDeps;
let folder: string;
let sweep: Sweep;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-chain-'));
  closers.push(() => rm(folder, { recursive: true }));
  said.length = 0;
  counted.clear();
  const started = await startDeps();
  closers.push(started.close);
  const note = (fields: object, message: string) => said.push({ fields, message });
  const log: Log = { info: () => {}, warn: note, error: note };
  const count = (metric: Metric, by = 1) => counted.set(metric, (counted.get(metric) ?? 0) + by);
  hub = { ...started, deps: { ...started.deps, log, count } };
  sweep = sweeper(hub.deps);
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Lines of forty accounts, one mail each, and their packs of thirty lines. */
async function logOf(file: string): Promise<{ lines: string[]; packs: LinesMessage[] }> {
  const lines = Array.from({ length: 40 }, (_, index) => {
    const id = `4${index.toString(16).padStart(9, '0').toUpperCase()}`;
    return submission(new Date(t0 + index * 1000), id, `user${index}`, `user${index}@example.org`);
  }).flat();
  await writeFile(file, `${lines.join('\n')}\n`);
  const packs: LinesMessage[] = [];
  const packer = new Packer({ relay: 'mx1', file, zone: 'UTC' });
  for (const [index, line] of new LineSplitter(0).push(await readFile(file)).entries()) {
    packer.add(line);
    if (index % 30 === 29) packs.push(packer.take());
  }
  return { lines, packs };
}

/** The functions at work on their queues, and the sweep when the test calls it. */
function work(): void {
  const consume = (name: string, handler: Parameters<typeof eventSource>[0]['handler']) => {
    const queueUrl = hub.deps.queues.dead.replace(/[^/]*$/, name);
    const source = eventSource({
      ...{ client: hub.deps.sqs, queueUrl, handler, batchSize: 10, concurrency: 1 },
      onError: (error) => said.push({ fields: {}, message: String(error) }),
    });
    closers.push(() => source.close());
  };
  consume(queueNames.events, ingest(hub.deps));
  consume(queueNames.reports, record(hub.deps));
  consume(queueNames.dispatch, dispatch(hub.deps));
}

async function parts(): Promise<Part[]> {
  const stored = await hub.deps.parts.between('mx1', Date.now() - 3_600_000, Date.now());
  return stored.map(({ part }) => part);
}

/** Every fact once, whatever part it is in. */
function facts(all: readonly Part[]): string[] {
  const each = all.flatMap(({ traces }) =>
    traces.flatMap(({ instance, queueId, facts }) => facts.map((fact) => JSON.stringify([instance, queueId, fact]))),
  );
  return [...new Set(each)].sort();
}

function partOf(lines: readonly string[]): Part {
  const collector = new PartCollector('mx1', hub.deps.hash, 0);
  for (const line of lines) collector.add(parseLine(line, { zone: 'UTC', nearMicros: Date.now() * 1000 }));
  // As the store gives it back.
  return unpackPart(packPart(collector.part()));
}

/** A relay whose lines Vector ships (the test is Vector), with a real agent and a real exec. */
async function startRelay(file: string): Promise<TestRelay> {
  const enrolled = await hub.enrolAgent('mx1');
  const places = { maillogs: [file], socket: join(folder, 'exec.sock'), user: 'root', zone: 'UTC' };
  const files = relayFiles(enrolled, places);
  const postfix = new SimulatedRelay({ name: 'postfix', maillog: join(folder, 'other.log'), users: [], realm: 'r' });
  closers.push(() => postfix.stop());
  const exec = await startExec({
    ...{ config: execConfig.parse(parse(files['exec.yaml'])), stateDirectory: folder, postfix, log: silent },
  });
  closers.push(() => exec.close());
  const agent = await startAgent({
    config: agentConfig.parse({ ...parse(files['agent.yaml']), shipper: 'vector' }),
    ...{ stateDirectory: folder, log: silent, listing: (instance: string) => postfix.postqueueJson(instance) },
  });
  closers.push(() => agent.close());
  const relay = new TestRelay(enrolled);
  closers.push(() => relay.close());
  return relay;
}

test('a pack that was lost on its way shows as a gap, and the relay fills it from its log: no fact is missing', async () => {
  const file = join(folder, 'mail.log');
  const { lines, packs } = await logOf(file);
  const relay = await startRelay(file);
  work();
  const lost = packs[1];
  for (const pack of packs) if (pack !== lost) await relay.sendEvents(JSON.stringify(pack));
  await eventually(async () => ((await parts()).length === packs.length - 1 ? true : undefined));
  hub.setNow(Date.now());
  await sweep();
  expect(said).toEqual([]);
  hub.setNow(Date.now() + 61_000);
  await sweep();
  expect(said).toMatchObject([{ fields: { relay: 'mx1', file, from: lost?.from, to: lost?.to } }]);
  await eventually(async () => ((await parts()).length === packs.length ? true : undefined));
  expect(facts(await parts())).toEqual(facts([partOf(lines)]));
  for (const later of [70_000, 1_000_000, 2_000_000, 3_000_000]) {
    hub.setNow(Date.now() + later);
    await sweep();
  }
  expect(Object.fromEntries(counted)).toMatchObject({ packsMissing: 1 });
  expect(counted.has('packsLost')).toBe(false);
});

test('a range that no generation of the log has any more is asked for three times, and then told as lost', async () => {
  const file = join(folder, 'mail.log');
  const { packs } = await logOf(file);
  const relay = await startRelay(file);
  work();
  for (const pack of [packs[0], packs[2]]) await relay.sendEvents(JSON.stringify(pack));
  await eventually(async () => ((await parts()).length === 2 ? true : undefined));
  await writeFile(file, '');
  for (let minute = 0; minute < 45; minute++) {
    hub.setNow(Date.now() + minute * 60_000);
    await sweep();
  }
  expect(counted.get('packsMissing')).toBe(3);
  expect(counted.get('packsLost')).toBe(1);
  const refusal = await eventually(async () => said.find(({ message }) => message.includes('failed an order')));
  expect(refusal.fields).toMatchObject({ reason: expect.stringContaining('no recent generation') });
});

test('a pack that was only stored late is not asked for', async () => {
  const { packs } = await logOf(join(folder, 'mail.log'));
  await hub.enrol('mx1');
  const store = async (pack: LinesMessage | undefined, sentAt: number) => {
    if (pack === undefined) return;
    const { file, from, to } = pack;
    await hub.deps.parts.put({ ...partOf([]), range: { file, from, to } }, sentAt, `h${from}`);
  };
  const now = Date.now();
  await store(packs[0], now);
  await store(packs[2], now + 2_000);
  hub.setNow(now + 20_000);
  await sweep();
  hub.setNow(now + 40_000);
  await sweep();
  // Sent long before it was stored: its first try failed.
  await store(packs[1], now + 1_000);
  for (const seconds of [60, 80, 100, 900]) {
    hub.setNow(now + seconds * 1_000);
    await sweep();
  }
  expect(said).toEqual([]);
  expect(counted.has('packsMissing')).toBe(false);
});

/** What the hub keeps of a heartbeat that tells the size of one log. */
function beatOf(file: string, bytes: number, at: number): RelayStatus {
  const desired = { generation: 0, digest: '' };
  const maillogs = [{ file, bytes }];
  const heartbeat: HeartbeatMessage = {
    ...{ v: 1, kind: 'heartbeat', relay: 'mx1', at, zone: 'UTC', instances: [], counts: {}, desired, maillogs },
  };
  return { heardAt: at, clockOffsetMs: 0, heartbeat };
}

test('lines that stop while the log grows are told of, and shown, until they come again', async () => {
  const { packs } = await logOf(join(folder, 'mail.log'));
  await hub.enrol('mx1');
  const file = packs[0]?.file ?? '';
  const minute = 60_000;
  const now = Date.now();
  const beat = async (at: number, bytes: number) => {
    await hub.deps.relays.saveStatus('mx1', beatOf(file, bytes, at));
  };
  const store = async (to: number, sentAt: number) => {
    await hub.deps.parts.put({ ...partOf([]), range: { file, from: 0, to } }, sentAt, `h${to}`);
  };
  const at = async (ms: number) => {
    hub.setNow(ms);
    await schedule(hub.deps)();
    return (await listRelays(hub.deps)).map(({ linesStopped }) => linesStopped);
  };
  // What the log held before it is shipped within ten seconds.
  await store(100_000, now - 20_000);
  await beat(now, 104_000);
  expect(await at(now)).toEqual([[]]);
  await beat(now + minute, 200_000);
  expect(await at(now + minute)).toEqual([[]]);
  await beat(now + 3 * minute, 300_000);
  expect(await at(now + 3 * minute)).toEqual([[]]);
  await beat(now + 4 * minute, 300_000);
  expect(await at(now + 4 * minute)).toEqual([[file]]);
  expect(said).toMatchObject([{ fields: { relay: 'mx1', file, bytes: 300_000 } }]);
  expect(counted.get('relaysLinesStopped')).toBe(1);
  // One that catches up from where it was has not stopped.
  await store(200_000, now + 4 * minute + 1_000);
  await beat(now + 5 * minute, 400_000);
  expect(await at(now + 5 * minute)).toEqual([[]]);
  await store(400_000, now + 5 * minute + 1_000);
  await beat(now + 10 * minute, 400_000);
  expect(await at(now + 10 * minute)).toEqual([[]]);
});

test('a rotated log of which nothing arrives has stopped; a small one, or none, has not', async () => {
  const minute = 60_000;
  for (const [bytes, stopped] of [
    [50_000, true],
    [500, false],
  ] as const) {
    const chain: FileChain = { generations: [], heardAt: t0 };
    place(chain, { ...partOf([]), range: { file: '/l', from: 0, to: 100_000 } }, t0);
    for (let passed = 1; passed < 9; passed++) noteSize(chain, bytes, t0 + passed * minute);
    expect(hasStopped(chain, t0 + 9 * minute)).toBe(stopped);
  }
});

test('I11: file names that every object has, or that are longer than paths, are not followed', async () => {
  await hub.enrol('mx1');
  const now = Date.now();
  for (const file of ['__proto__', 'constructor', 'toString', `/${'x'.repeat(300)}`]) {
    const range = { file, from: 0, to: 1_000 };
    await hub.deps.parts.put({ ...partOf([]), range }, now, `h${file.length}${file.slice(0, 5)}`);
    await hub.deps.relays.saveStatus('mx1', beatOf(file, 1_000_000, now));
    hub.setNow(now + 1_000);
    await schedule(hub.deps)();
  }
  expect(said).toEqual([]);
  expect(Object.keys((await hub.deps.chains.shard(chainShardOf('mx1'))).chains)).toEqual([]);
  expect('heardAt' in {}).toBe(false);
});

test('I11: of a relay that sends lines of many files, sixteen are followed', async () => {
  await hub.enrol('mx1');
  const now = Date.now();
  for (let file = 0; file < 40; file++) {
    const range = { file: `/var/log/${file}`, from: 0, to: 1_000 };
    await hub.deps.parts.put({ ...partOf([]), range }, now + file, `h${file}`);
  }
  hub.setNow(now + 1_000);
  await sweep();
  const { chains } = await hub.deps.chains.shard(chainShardOf('mx1'));
  expect(Object.keys(chains['mx1'] ?? {})).toHaveLength(16);
  expect(said[0]).toMatchObject({ message: expect.stringContaining('more than 16 files') });
});
