import { spawn } from 'node:child_process';
import type { SnapshotMessage } from '../shared/wire/events.ts';

/** Queue listing of an instance: the lines of `postqueue -j`, or pieces of them. */
export type Listing = (instance: string, signal: AbortSignal) => AsyncIterable<string>;

/** As `postqueue -j` begins each line (postqueue(1)); what strangers chose, sender and recipients, comes after it. */
const entry =
  /^\{"queue_name": ?"(\w{1,32})", ?"queue_id": ?"(\w{1,32})", ?"arrival_time": ?(\d{1,12}), ?"message_size": ?(\d{1,15})/;
/** A line with fifty thousand recipients is megabytes long: no more of it than this is kept. */
const entryStart = 512;
const maxAccounts = 50;
/** Logins counted at a time (I11). */
const maxLogins = 100_000;

/** Counts a queue as it streams past; a queue of a million is never in memory. */
export async function snapshot(options: {
  relay: string;
  instance: string;
  /** Lines, each ending in a newline or handed over as one piece. */
  listing: AsyncIterable<string>;
  loginOf: (instance: string, queueId: string) => string | undefined;
}): Promise<SnapshotMessage> {
  const { relay, instance, loginOf } = options;
  const at = Date.now();
  const queues = new Map<string, { messages: number; bytes: number; oldestAt: number }>();
  const logins = new Map<string, { messages: number; held: number }>();
  for await (const line of options.listing) {
    const [, queueName, queueId, arrivalSeconds, sizeBytes] = entry.exec(line.slice(0, entryStart)) ?? [];
    if (queueName === undefined || queueId === undefined) continue;
    const arrivedAt = Number(arrivalSeconds) * 1_000;
    const queue = queues.get(queueName) ?? { messages: 0, bytes: 0, oldestAt: arrivedAt };
    queues.set(queueName, queue);
    queue.messages += 1;
    queue.bytes += Number(sizeBytes);
    queue.oldestAt = Math.min(queue.oldestAt, arrivedAt);
    const login = loginOf(instance, queueId);
    if (login === undefined) continue;
    const counted = logins.get(login) ?? { messages: 0, held: 0 };
    counted.messages += 1;
    if (queueName === 'hold') counted.held += 1;
    if (logins.has(login) || logins.size < maxLogins) logins.set(login, counted);
  }
  const accounts = [...logins]
    .map(([login, counted]) => ({ login, ...counted }))
    .sort((a, b) => b.messages - a.messages)
    .slice(0, maxAccounts);
  return { v: 1, kind: 'snapshot', relay, instance, at, queues: Object.fromEntries(queues), accounts };
}

/** The beginnings of `postqueue -j`'s lines. @throws Error with what it said, if it failed */
export async function* postqueueListing(configDirectory: string, signal: AbortSignal): AsyncGenerator<string> {
  const child = spawn('postqueue', ['-c', configDirectory, '-j'], { stdio: ['ignore', 'pipe', 'pipe'], signal });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code === 0 ? undefined : `exit status ${code}`));
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, 500);
  });
  try {
    let start = '';
    for await (const part of child.stdout.setEncoding('utf8')) {
      const pieces = String(part).split('\n');
      for (const piece of pieces.slice(0, -1)) {
        yield start + piece.slice(0, entryStart);
        start = '';
      }
      start = (start + (pieces.at(-1) ?? '')).slice(0, entryStart);
    }
    const failure = await ended;
    if (failure !== undefined) throw new Error(`postqueue -c ${configDirectory} -j: ${failure} ${complaint}`.trim());
  } finally {
    child.kill();
  }
}
