import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

/**
 * Ground truth: what lies in a queue, read from the files themselves. Tests compare Holdfast's work with it, so it
 * shares no code with the agent; its own test compares it with postcat(1).
 */
const truthQueues = ['maildrop', 'incoming', 'active', 'deferred', 'hold', 'corrupt'] as const;
type TruthQueue = (typeof truthQueues)[number];

export interface TruthFile {
  readonly queue: TruthQueue;
  readonly queueId: string;
  readonly path: string;
  /** Mode 0700; a message still in DATA has 0600. */
  readonly complete: boolean;
  readonly saslUsername?: string;
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly clientAddress?: string;
  readonly logIdent?: string;
  /** Over every byte of the file. Moving between queues keeps it; a recipient marked as done changes it. */
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * Every queue file, in no particular order, by queue ID. One that moves while we look is reported where it was seen
 * last; look twice where mail is in motion.
 */
export async function readQueue(queueDirectory: string): Promise<Map<string, TruthFile>> {
  const found = new Map<string, TruthFile>();
  for (const queue of truthQueues) {
    const entries = await readdir(join(queueDirectory, queue), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (let start = 0; start < files.length; start += 64) {
      const chunk = files.slice(start, start + 64);
      for (const file of await Promise.all(chunk.map((path) => readQueueFile(queue, path)))) {
        if (file !== undefined) found.set(file.queueId, file);
      }
    }
  }
  return found;
}

/** Undefined if the file is gone. @throws Error naming the file and offset where its records make no sense. */
export async function readQueueFile(queue: TruthQueue, path: string): Promise<TruthFile | undefined> {
  let bytes: Buffer;
  let mode: number;
  try {
    bytes = await readFile(path);
    mode = (await stat(path)).mode;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const attributes = new Map<string, string>();
  const recipients: string[] = [];
  let sender = '';
  const complete = (mode & 0o100) !== 0;
  for (const [type, text] of records(bytes, path, complete)) {
    if (type === 'M') break;
    if (type === 'S') sender = text;
    // D: a recipient that is done.
    else if (type === 'R' || type === 'D') recipients.push(text);
    else if (type === 'A') {
      const equals = text.indexOf('=');
      attributes.set(text.slice(0, equals), text.slice(equals + 1));
    }
  }
  const saslUsername = attributes.get('sasl_username');
  const clientAddress = attributes.get('client_address');
  const logIdent = attributes.get('log_ident');
  return {
    queue,
    queueId: basename(path),
    path,
    complete,
    ...(saslUsername === undefined ? {} : { saslUsername }),
    sender,
    recipients,
    ...(clientAddress === undefined ? {} : { clientAddress }),
    ...(logIdent === undefined ? {} : { logIdent }),
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  };
}

/** Postfix' record format: one byte type, the length in 7-bit groups (least first, high bit: more), the bytes. */
function* records(bytes: Buffer, path: string, complete: boolean): Generator<[type: string, text: string]> {
  let at = 0;
  while (at < bytes.length) {
    const start = at;
    const type = String.fromCharCode(bytes.readUInt8(at++));
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const group = at < bytes.length && shift <= 28 ? bytes.readUInt8(at++) : -1;
      if (group < 0) return torn(path, start, complete);
      length += (group & 0x7f) * 2 ** shift;
      if (group < 0x80) break;
    }
    if (at + length > bytes.length) return torn(path, start, complete);
    yield [type, bytes.toString('utf8', at, at + length)];
    at += length;
  }
}

/** A message in DATA may end anywhere; a complete one may not. */
function torn(path: string, offset: number, complete: boolean): void {
  if (complete) throw new Error(`${path}: record at byte ${offset} runs past the end of the file`);
}
