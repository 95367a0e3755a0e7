import { createHash } from 'node:crypto';
import { createReadStream, fstatSync, statSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createGunzip } from 'node:zlib';

interface LogStatus {
  readonly dev: number;
  readonly inode: number;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/**
 * The generations of one log: the live file and what logrotate, `postfix logrotate` or newsyslog made of its
 * predecessors: `mail.log.1`, `mail.log.2.gz`, `mail.log-20261124`, `maillog.20261124-101112`. Their order is that of
 * their last writing; compression keeps it. Not found: a date before the extension (`mail-20261124.log`), and other
 * compressions than gzip.
 */
export interface LogFile extends LogStatus {
  readonly path: string;
  readonly live: boolean;
  readonly compressed: boolean;
}

const generationSuffix = /^[.-]\d[\d.T:-]*(?:\.gz)?$/;

/** A file is known by its first bytes: they hold time stamps, and unlike the inode they survive copies and gzip. */
export const headBytes = 1024;

export interface Head {
  readonly bytes: number;
  /** SHA-256, hex, of the first `bytes` bytes. */
  readonly digest: string;
}

export function headOf(first: Buffer): Head {
  return { bytes: first.length, digest: createHash('sha256').update(first).digest('hex') };
}

/** All generations, oldest first, the live file last. Files that vanish meanwhile are left out. */
export async function logFiles(livePath: string): Promise<LogFile[]> {
  const name = basename(livePath);
  const folder = dirname(livePath);
  const names = (await readdir(folder)).filter(
    (other) => other === name || (other.startsWith(name) && generationSuffix.test(other.slice(name.length))),
  );
  return names.flatMap((other) => logFile(join(folder, other), livePath) ?? []).sort(byAge);
}

/** Synchronous, for the same reason as {@link LogReader.status}. Undefined if there is none. */
export function logFile(path: string, livePath: string): LogFile | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const { dev, ino, size, mtimeMs } = found;
  const compressed = path.endsWith('.gz');
  return { path, dev, inode: ino, sizeBytes: size, mtimeMs, live: path === livePath, compressed };
}

/** Where two were last written in one tick of the file system's clock the names decide: `.2` is older than `.1`. */
function byAge(a: LogFile, b: LogFile): number {
  if (a.live !== b.live) return a.live ? 1 : -1;
  return a.mtimeMs - b.mtimeMs || generation(b) - generation(a) || (a.path < b.path ? -1 : 1);
}

function generation(file: LogFile): number {
  return Number(/\.(\d{1,4})(?:\.gz)?$/.exec(file.path)?.[1] ?? 0);
}

/** Whether the file begins with the bytes that `head` was made of. False for a file that cannot be read. */
export async function beginsWith(file: LogFile, head: Head): Promise<boolean> {
  try {
    const first = await firstBytes(file, head.bytes);
    return first.length === head.bytes && headOf(first).digest === head.digest;
  } catch {
    // Vanished, or still being compressed.
    return false;
  }
}

/** Up to `bytes` bytes of the file's start. */
export async function firstBytes(file: LogFile, bytes: number): Promise<Buffer> {
  const reader = await openLog(file);
  try {
    return await readFully(reader, bytes);
  } finally {
    await reader.close();
  }
}

/** Reads a log file; `offset` counts uncompressed bytes. A compressed file is read forward only. */
export interface LogReader {
  /** At most `bytes` bytes from `offset`; empty at the present end. */
  read(offset: number, bytes: number): Promise<Buffer>;
  /** The opened file as it is now, also after it was renamed or unlinked. Synchronous: asked twenty times a second. */
  status(): LogStatus;
  close(): Promise<void>;
}

/** @throws Error with code ENOENT, EACCES … */
export async function openLog(file: LogFile): Promise<LogReader> {
  return file.compressed ? openCompressed(file) : openPlain(file.path);
}

async function openPlain(path: string): Promise<LogReader> {
  const handle = await open(path, 'r');
  return {
    async read(offset, bytes) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(bytes), 0, bytes, offset);
      return buffer.subarray(0, bytesRead);
    },
    status() {
      const { dev, ino, size, mtimeMs } = fstatSync(handle.fd);
      return { dev, inode: ino, sizeBytes: size, mtimeMs };
    },
    close: () => handle.close(),
  };
}

async function openCompressed(file: LogFile): Promise<LogReader> {
  const source = createReadStream(file.path);
  const gunzip = createGunzip();
  // A broken archive ends the stream with an error, which the iteration below throws.
  source.on('error', (error) => gunzip.destroy(error));
  const chunks: AsyncIterator<Buffer> = source.pipe(gunzip)[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  let heldAt = 0;
  return {
    async read(offset, bytes) {
      if (offset < heldAt) throw new Error(`${file.path}: a compressed log is read forward only`);
      while (heldAt + held.length <= offset) {
        const next = await chunks.next();
        if (next.done === true) return Buffer.alloc(0);
        heldAt += held.length;
        held = next.value;
      }
      return held.subarray(offset - heldAt, offset - heldAt + bytes);
    },
    // Nobody writes to it: what counts is that it never shrinks.
    status: () => ({ ...file, sizeBytes: Number.MAX_SAFE_INTEGER }),
    async close() {
      source.destroy();
      gunzip.destroy();
    },
  };
}

/** Up to `bytes` bytes from the file's start; fewer only where it ends. */
export async function readFully(reader: LogReader, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes; ) {
    const part = await reader.read(at, bytes - at);
    if (part.length === 0) break;
    // Copied: a compressed reader hands out views of what it holds.
    parts.push(Buffer.from(part));
    at += part.length;
  }
  return Buffer.concat(parts);
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
