/**
 * How long an smtpd waits for the brake: `node bench/policy.ts [REQUESTS]` (20,000). The brake's thread runs as in the
 * agent; a process of its own asks as smtpd does, RCPT and END-OF-MESSAGE in turn, for accounts whose memory of
 * recipients is full. `busy`: meanwhile the agent's main thread commits to an SQLite file as fast as the disk lets it.
 * Figures: docs/benchmarks.md.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counters } from '../agent/counters.ts';
import { Answers } from '../agent/policy/answers.ts';
import { BrakeThread } from '../agent/policy/brake-thread.ts';
import { RequestReader } from '../agent/policy/protocol.ts';
import { brakeSettings } from '../agent/policy/settings.ts';
import { request } from './policy/request.ts';

const requests = Number(process.argv[2] ?? 20_000);
const accounts = 20_000;
const knownRecipients = 512;
/** Name, smtpd processes, pause between the questions of each: a relay's burst is 300 mails, 600 questions a second. */
const loads = [
  ['one, at once', 1, 0],
  ['20, 600 a second', 20, 33],
  ['20, at once', 20, 0],
] as const;
const log = { info: () => {}, warn: console.warn, error: console.error };

const folder = await mkdtemp(join(tmpdir(), 'holdfast-policy-bench-'));
const path = join(folder, 'policy');
const stop = new AbortController();
await writeFullMemory(join(folder, 'brake.jsonl'));
const settings = brakeSettings.parse({});
const beforeMb = residentMb();
const brake = await BrakeThread.load(settings, [{ name: 'mx', path }], log);
const running = brake.run({ file: join(folder, 'brake.jsonl'), counters: new Counters(), signal: stop.signal });

console.log(
  `${requests} requests each; ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}; ${accounts} accounts`,
);
await isUp();
const barePath = join(folder, 'bare');
const bare = fork(join(import.meta.dirname, 'policy', 'bare.ts'), [barePath]);
await once(bare, 'message');
console.log(`the brake's thread with ${accounts} full accounts: ${residentMb() - beforeMb} MB`);
console.log(`the answer alone: ${ownMicros()}`);
console.log('| connection | smtpd | agent | p50 ms | p99 ms | max ms | a second |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');
try {
  for (const connection of ['one a request', 'kept']) {
    for (const [load, inFlight, pauseMs] of loads) {
      for (const agent of ['none: a bare server', 'idle', 'busy']) {
        const asked = agent.startsWith('none') ? barePath : path;
        const how = { path: asked, connection, inFlight, pauseMs };
        const { p50, p99, max, perSecond } = await measure(how, agent === 'busy');
        const figures = [p50, p99, max].map((ms) => ms.toFixed(3)).join(' | ');
        console.log(
          `| ${connection} | ${load} | ${agent} | ${figures} | ${Math.round(perSecond).toLocaleString('en')} |`,
        );
      }
    }
  }
} finally {
  bare.disconnect();
  stop.abort();
  await running;
  await rm(folder, { recursive: true });
}

/** It listens once its memory is loaded. */
async function isUp(): Promise<void> {
  while (!existsSync(path)) await sleep(20);
}

function residentMb(): number {
  return Math.round(process.memoryUsage.rss() / 2 ** 20);
}

async function measure(
  how: { path: string; connection: string; inFlight: number; pauseMs: number },
  isBusy: boolean,
): Promise<{ p50: number; p99: number; max: number; perSecond: number }> {
  const client = fork(join(import.meta.dirname, 'policy', 'client.ts'));
  const answer = once(client, 'message');
  client.send({
    path,
    requests,
    accounts,
    isKept: how.connection === 'kept',
    inFlight: how.inFlight,
    pauseMs: how.pauseMs,
  });
  let isDone = false;
  void answer.then(() => {
    isDone = true;
  });
  if (isBusy) {
    using database = new DatabaseSync(join(folder, 'busy.sqlite'));
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS row (text TEXT)');
    const insert = database.prepare('INSERT INTO row (text) VALUES (?)');
    while (!isDone) {
      database.exec('BEGIN');
      for (let n = 0; n < 1_000; n++) insert.run('x'.repeat(200));
      database.exec('COMMIT; DELETE FROM row');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const [message] = await answer;
  client.disconnect();
  return message;
}

/** As the brake writes it (agent/policy/memory-file.ts). */
async function writeFullMemory(file: string): Promise<void> {
  await using out = await open(file, 'w');
  await out.writeFile('["key"]\n');
  for (let n = 0; n < accounts; n += 100)
    await out.writeFile(Array.from({ length: 100 }, (_, m) => line(n + m)).join(''));
}

function line(account: number): string {
  const numbers = Uint32Array.from({ length: knownRecipients }, () => Math.random() * 2 ** 32);
  const text = Buffer.from(numbers.buffer).toString('base64');
  return `${JSON.stringify([`user${account}`, Date.now() - 7 * 86_400_000, text])}\n`;
}

/** What the thread itself spends on a request, without sockets: µs. */
function ownMicros(): string {
  const answers = new Answers({ settings, counters: new Counters(), log });
  const reader = new RequestReader();
  const texts = Array.from({ length: 40_000 }, (_, index) => Buffer.from(request(index, accounts)));
  const took = new Float64Array(texts.length);
  for (const round of [0, 1]) {
    for (const [index, text] of texts.entries()) {
      const began = performance.now();
      for (const each of reader.read(text).received) answers.answer(Date.now() + round, each, 'mx');
      took[index] = (performance.now() - began) * 1_000;
    }
  }
  took.sort();
  const at = (share: number) => (took[Math.floor((took.length - 1) * share)] ?? 0).toFixed(0);
  return `p50 ${at(0.5)} µs, p99 ${at(0.99)} µs, p99.9 ${at(0.999)} µs`;
}
