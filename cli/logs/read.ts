import { spawn } from 'node:child_process';
import { createReadStream, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { messageOf, usage } from '../failure.ts';

export interface LogFile {
  /** Lines without their ends. */
  readonly lines: AsyncIterable<string>;
  /** When the file was last written, ms: years are inferred from it. */
  readonly writtenAt: number;
}

/** Opens a maillog: plain, `.gz`, `.zst`, `.xz`, or `-` for standard input. @throws usage Failure */
export function openLog(path: string): LogFile {
  if (path === '-') return { lines: linesOf(process.stdin), writtenAt: Date.now() };
  let writtenAt: number;
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new Error('is a folder');
    writtenAt = stat.mtimeMs;
  } catch (error) {
    throw usage(`${path}: ${messageOf(error)}`);
  }
  return { lines: guarded(path, unpacked(path)), writtenAt };
}

async function* guarded(path: string, stream: Readable): AsyncGenerator<string> {
  try {
    yield* linesOf(stream);
  } catch (error) {
    throw usage(`${path}: ${messageOf(error)}`);
  }
}

function unpacked(path: string): Readable {
  if (path.endsWith('.xz')) {
    const xz = spawn('xz', ['-dc', '--', path], { stdio: ['ignore', 'pipe', 'pipe'] });
    let complaint = '';
    xz.stderr.on('data', (text) => {
      complaint += text;
    });
    xz.on('error', (error) => xz.stdout.destroy(error));
    xz.on('close', (code) => {
      if (code !== 0) xz.stdout.destroy(new Error(complaint.trim() || `xz ended with ${code}`));
    });
    return xz.stdout;
  }
  const file = createReadStream(path);
  const unpack = path.endsWith('.gz') ? createGunzip() : path.endsWith('.zst') ? createZstdDecompress() : undefined;
  if (unpack === undefined) return file;
  file.on('error', (error) => unpack.destroy(error));
  return file.pipe(unpack);
}

async function* linesOf(stream: Readable): AsyncGenerator<string> {
  const failed = new Promise<never>((_, reject) => stream.once('error', reject));
  failed.catch(() => undefined);
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([lines.next(), failed]);
    if (next.done === true) return;
    yield next.value;
  }
}
