import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LinesMessage, linesMessage } from '../shared/wire/events.ts';
import { unpackLines } from '../shared/wire/lines.ts';
import { agentConfig } from './config.ts';
import { Counters } from './counters.ts';
import { CursorFile } from './cursor-file.ts';
import type { Log } from './log.ts';
import { Packer } from './packer.ts';
import { queueClient, Sender } from './queue-client.ts';
import { Shipper } from './ship.ts';
import { type SqsStub, startSqsStub } from './sqs-stub.fixture.ts';
import { Tail } from './tail.ts';
import { Urgency } from './urgency.ts';

let folder: string;
let file: string;
let hub: SqsStub;
const said: string[] = [];
const log: Log = {
  info: (_, message) => said.push(message),
  warn: (_, message) => said.push(message),
  error: (_, message) => said.push(message),
};
const closing: (() => Promise<void>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-ship-'));
  file = join(folder, 'mail.log');
  hub = await startSqsStub();
  said.length = 0;
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await hub.close();
  await rm(folder, { recursive: true });
});

function configOf(stub: SqsStub) {
  return agentConfig.parse({
    relay: 'mx1',
    ...stub.config,
    maillogs: [file],
    instances: [{ name: 'postfix', configDirectory: '/etc/postfix' }],
    execSocket: join(folder, 'exec.sock'),
  });
}

async function startShipper(): Promise<Counters> {
  const stop = new AbortController();
  const { signal } = stop;
  const config = configOf(hub);
  const client = queueClient(config, 5);
  const cursorFile = new CursorFile(join(folder, 'cursor.json'), log);
  const counters = new Counters();
  const tail = new Tail({ file, cursor: await cursorFile.load(), log, counters });
  const packer = new Packer({ relay: 'mx1', file, zone: 'UTC' });
  const sender = new Sender({ client, queueUrl: config.queues.events, signal, log });
  const urgency = new Urgency(() => false);
  const running = new Shipper({ tail, packer, cursorFile, sender, urgency, counters, signal }).run();
  closing.push(async () => {
    stop.abort();
    await running;
    await tail.close();
    client.destroy();
  });
  return counters;
}

const packs = (): LinesMessage[] => (hub.sent.get('events') ?? []).map((body) => linesMessage.parse(JSON.parse(body)));
const shipped = (): string[] => packs().flatMap(unpackLines);
const stopNow = async () => closing.pop()?.();

async function until(what: () => boolean, withinMs = 8_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!what()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms; said: ${said.join(' | ')}`);
    await sleep(5);
  }
}

const accept = (index: number, login: string) =>
  `Nov 24 10:00:00 mx postfix/smtpd[1]: ${(0xabcdef + index).toString(16).toUpperCase()}: client=x[192.0.2.1], sasl_method=PLAIN, sasl_username=${login}\n`;

describe('shipping', () => {
  it('ships a burst of one login long before the ten seconds of a single line', async () => {
    await writeFile(file, accept(0, 'calm'));
    const counters = await startShipper();
    await sleep(600);
    expect(shipped()).toEqual([]);
    const began = performance.now();
    await appendFile(file, [1, 2, 3, 4, 5].map((index) => accept(index, 'thief')).join(''));
    await until(() => shipped().length === 6);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(counters.get('packsEarly')).toBe(1);
  });

  it('ships 300 lines at once', async () => {
    await writeFile(file, Array.from({ length: 650 }, (_, index) => accept(index, `user${index}`)).join(''));
    await startShipper();
    await until(() => packs().length >= 2);
    expect(
      packs()
        .slice(0, 2)
        .map((pack) => pack.n),
    ).toEqual([300, 300]);
  });

  it('loses nothing while the hub is away and the log rotates, and says once why', async () => {
    hub.fault = { status: 503, type: 'ServiceUnavailable', message: 'busy' };
    await writeFile(file, '');
    await startShipper();
    const all: string[] = [];
    for (let night = 0; night < 3; night++) {
      const lines = Array.from({ length: 320 }, (_, index) => accept(night * 1_000 + index, 'thief'));
      await appendFile(file, lines.join(''));
      all.push(...lines.map((line) => line.trimEnd()));
      await sleep(150);
      await rename(file, `${file}.${9 - night}`);
      await writeFile(file, '');
    }
    await stopNow();
    await startShipper();
    hub.fault = undefined;
    await appendFile(file, [1, 2, 3, 4, 5].map((index) => accept(9_000 + index, 'thief')).join(''));
    await until(() => shipped().length >= all.length + 5);
    const seen = new Set(shipped());
    expect(all.filter((line) => !seen.has(line)).slice(0, 3)).toEqual([]);
    expect(said.filter((message) => message.includes('busy'))).toHaveLength(1);
  });

  it('goes on trying when the access key is refused, and names the clock when that is the reason', async () => {
    hub.fault = { status: 403, type: 'InvalidClientTokenId', message: 'no such key' };
    await writeFile(file, Array.from({ length: 300 }, (_, index) => accept(index, 'thief')).join(''));
    await startShipper();
    await until(() => said.some((message) => message.includes('does not know this relay')));
    hub.fault = { status: 403, type: 'SignatureDoesNotMatch', message: 'Signature expired: now 10:00, signed 09:00' };
    await until(() => said.some((message) => message.includes('clock differs')));
    hub.fault = undefined;
    await until(() => shipped().length === 300, 10_000);
  });

  it('begins again at the last acknowledged pack when its cursor file is older', async () => {
    await writeFile(file, Array.from({ length: 300 }, (_, index) => accept(index, 'thief')).join(''));
    const counters = await startShipper();
    await until(() => counters.get('packsSent') === 1);
    await stopNow();
    await appendFile(file, Array.from({ length: 300 }, (_, index) => accept(1_000 + index, 'thief')).join(''));
    await startShipper();
    const [first] = packs();
    // Stopped before the answer came, the first pack is sent once more: after it, not in its place.
    await until(() => packs().some(({ from }) => from === first?.to));
    expect(packs().every(({ from }) => from === first?.from || from === first?.to)).toBe(true);
  });
});

describe('kill -9 of the agent', () => {
  it('at any moment loses no line and leaves no gap in the chains', async () => {
    const configFile = join(folder, 'config.json');
    await writeFile(configFile, JSON.stringify(configOf(hub)));
    await writeFile(file, '');
    const start = (): ChildProcess =>
      spawn(
        process.execPath,
        [join(import.meta.dirname, 'agent-child.fixture.ts'), configFile, folder, 'stay', 'no-queue'],
        { stdio: 'inherit' },
      );
    let child = start();
    closing.push(async () => {
      child.kill('SIGKILL');
    });
    const all: string[] = [];
    for (let round = 0; round < 6; round++) {
      // It has to come up first: without a cursor an agent begins at the live file.
      const before = packs().length;
      await appendFile(file, Array.from({ length: 6 }, (_, index) => accept(800_000 + index, 'first')).join(''));
      await until(() => packs().length > before, 15_000);
      for (let burst = 0; burst < 8; burst++) {
        const lines = Array.from({ length: 60 }, (_, index) => accept(round * 10_000 + burst * 100 + index, 'thief'));
        all.push(...lines.map((line) => line.trimEnd()));
        const text = lines.join('');
        // Torn in the middle of a line, as a reader may see it.
        await appendFile(file, text.slice(0, 1_000));
        await appendFile(file, text.slice(1_000));
        await sleep(20 + ((round * 37 + burst * 13) % 40));
      }
      if (round % 2 === 0) {
        await rename(file, `${file}.${6 - round}`);
        await writeFile(file, '');
      }
      child.kill('SIGKILL');
      await once(child, 'exit');
      child = start();
    }
    await appendFile(file, Array.from({ length: 6 }, (_, index) => accept(900_000 + index, 'last')).join(''));
    await until(() => shipped().filter((line) => line.endsWith('=last')).length >= 6, 15_000);
    const seen = new Set(shipped());
    expect(all.filter((line) => !seen.has(line)).slice(0, 3)).toEqual([]);
    // A pack joins the one before, begins a generation, or begins again at one that was acknowledged.
    const ends = new Set([0]);
    for (const pack of packs()) {
      expect(ends.has(pack.from)).toBe(true);
      ends.add(pack.to);
    }
  }, 60_000);
});
