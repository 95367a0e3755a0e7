import { closeSync, constants, type Dir, fstatSync, opendirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Envelope, maxEnvelopeBytes, parseEnvelope } from './envelope.ts';
import type { QueueFile, QueueName } from './postfix.ts';
import { hashDirectory, isQueueId, microsWithinSecond } from './queue-id.ts';

/** Where an instance keeps its queues, from its main.cf. */
export interface SpoolLayout {
  readonly queueDirectory: string;
  /** `hash_queue_names` and `hash_queue_depth`. */
  readonly hashed: ReadonlySet<string>;
  readonly hashDepth: number;
}

/** Hold first: after a hold every file is asked for once more, and lies there. */
const allQueues: readonly QueueName[] = ['hold', 'incoming', 'active', 'deferred'];
/** The first read; an envelope up to its first recipient is about 600 bytes. */
const firstReadBytes = 4096;
/**
 * Files are read synchronously, in slices: on a warm cache that is several times cheaper than a thread-pool trip per
 * file, and a slow disk blocks the program for one file at most.
 */
const sliceMillis = 5;

/**
 * The file behind an ID. All queues are tried twice: qmgr moves a file between them while we look.
 * undefined if there is none, also for an ID outside the grammar.
 */
export function inspectFile(instance: string, layout: SpoolLayout, queueId: string): QueueFile | undefined {
  if (!isQueueId(queueId)) return undefined;
  for (let round = 0; round < 2; round++) {
    for (const queue of allQueues) {
      const directory = layout.hashed.has(queue) ? hashDirectory(queueId, layout.hashDepth) : '';
      const path = join(layout.queueDirectory, queue, directory, queueId);
      const file = readQueueFile(path, instance, queueId, queue);
      if (file !== undefined) return file;
    }
  }
  return undefined;
}

/** Every message of the named queues, queue after queue; what vanishes meanwhile is skipped. */
export async function* scanQueues(
  instance: string,
  layout: SpoolLayout,
  queues: readonly QueueName[],
): AsyncGenerator<QueueFile> {
  let sliceEnd = performance.now() + sliceMillis;
  for (const queue of queues) {
    const depth = layout.hashed.has(queue) ? layout.hashDepth : 0;
    for (const [queueId, path] of filesBelow(join(layout.queueDirectory, queue), depth)) {
      const file = readQueueFile(path, instance, queueId, queue);
      if (file !== undefined) yield file;
      if (performance.now() < sliceEnd) continue;
      await setImmediate();
      sliceEnd = performance.now() + sliceMillis;
    }
  }
}

/** `[queueId, path]` of a queue directory and, for a hashed queue, of its one-character subdirectories. */
function* filesBelow(directory: string, depth: number): Generator<[string, string]> {
  const entries = openDirectory(directory);
  if (entries === undefined) return;
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      const path = join(directory, entry.name);
      if (isQueueId(entry.name)) yield [entry.name, path];
      else if (depth > 0 && entry.name.length === 1) yield* filesBelow(path, depth - 1);
    }
  } finally {
    entries.closeSync();
  }
}

function openDirectory(path: string): Dir | undefined {
  try {
    return opendirSync(path, { bufferSize: 1024 });
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** undefined where there is no such file, or no regular one: a link or a pipe in a queue directory is none of ours. */
function readQueueFile(path: string, instance: string, queueId: string, queue: QueueName): QueueFile | undefined {
  let handle: number;
  try {
    handle = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile()) return undefined;
    const envelope = readEnvelope(handle);
    const { login, client, logIdent, recipients } = envelope;
    const micros = microsWithinSecond(queueId) ?? 0;
    return {
      instance,
      queueId,
      queue,
      createdAtMicros: (envelope.createdSeconds ?? 0) * 1_000_000 + micros,
      sender: envelope.sender,
      ...(login === undefined ? {} : { login }),
      ...(client === undefined ? {} : { client }),
      ...(logIdent === undefined ? {} : { logIdent }),
      ...(recipients === undefined ? {} : { recipients }),
      // cleanup sets the owner's execute bit once the whole message is on disk; until then nothing may touch it.
      complete: (stat.mode & 0o100) !== 0,
    };
  } finally {
    closeSync(handle);
  }
}

function readEnvelope(handle: number): Envelope {
  for (let size = firstReadBytes; ; size *= 4) {
    const buffer = Buffer.allocUnsafe(size);
    const length = readSync(handle, buffer, 0, size, 0);
    const envelope = parseEnvelope(buffer.subarray(0, length));
    if (envelope.whole || length < size || size >= maxEnvelopeBytes) return envelope;
  }
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR' || code === 'ENXIO';
}
