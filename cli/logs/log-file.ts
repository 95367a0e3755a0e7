import { spawn } from 'node:child_process';
import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { PassThrough, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { messageOf, usage } from '../failure.ts';
import { SpillFile } from './spill-file.ts';

/** Bytes of one log. */
export interface LogBytes {
  /** The next bytes; undefined at the end. @throws usage Failure that names the file */
  next(): Promise<Buffer | undefined>;
  /** Bytes of the file itself that were read so far: for progress, packed files included. */
  readonly position: number;
  close(): void;
}

export interface LogFile {
  readonly path: string;
  /** When it was last written, ms: years are inferred from it. */
  readonly writtenAt: number;
  /** Undefined for standard input. */
  readonly sizeBytes: number | undefined;
  open(): LogBytes;
}

const chunkBytes = 1 << 18;

/** A maillog: plain, `.gz`, `.zst`, `.xz`, or `-` for standard input. @throws usage Failure */
export function logFile(path: string): LogFile {
  if (path === '-') {
    const kept = new KeptInput(() => new StreamBytes('standard input', process.stdin, process.stdin));
    return { path, writtenAt: Date.now(), sizeBytes: undefined, open: () => kept.open() };
  }
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new Error('is a folder');
    if (stat.isFile()) return { path, writtenAt: stat.mtimeMs, sizeBytes: stat.size, open: () => opened(path) };
    const kept = new KeptInput(() => opened(path));
    return { path, writtenAt: Date.now(), sizeBytes: undefined, open: () => kept.open() };
  } catch (error) {
    throw usage(`${path}: ${messageOf(error)}`);
  }
}

function opened(path: string): LogBytes {
  const isPacked = /\.(?:gz|zst|xz)$/.test(path);
  if (!isPacked && statSync(path).isFile()) return new FileBytes(path);
  const file = createReadStream(path, { highWaterMark: chunkBytes });
  if (path.endsWith('.xz')) return unxz(path, file);
  const unpack = path.endsWith('.gz')
    ? createGunzip({ chunkSize: chunkBytes })
    : path.endsWith('.zst')
      ? createZstdDecompress({ chunkSize: chunkBytes })
      : undefined;
  if (unpack === undefined) return new StreamBytes(path, file, file);
  file.on('error', (error) => unpack.destroy(error));
  const log = new StreamBytes(path, file.pipe(unpack), file);
  if (!path.endsWith('.zst')) return log;
  const { size } = statSync(path);
  return {
    async next() {
      const chunk = await log.next();
      // Node ends with the first frame: what follows must not be lost without a word.
      if (chunk === undefined && unpack.bytesWritten < size)
        throw usage(`${path}: has several zstd frames, of which one can be read: zstd -dc ${path} | holdfast …`);
      return chunk;
    },
    get position() {
      return log.position;
    },
    close: () => log.close(),
  };
}

/** A plain file, read into the same memory again and again: a chunk is good until the one after the next is asked for. */
class FileBytes implements LogBytes {
  readonly #path: string;
  #file: number | undefined;
  #chunk = Buffer.allocUnsafe(chunkBytes);
  #other = Buffer.allocUnsafe(chunkBytes);
  position = 0;

  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = openSync(path, 'r');
    } catch (error) {
      throw usage(`${path}: ${messageOf(error)}`);
    }
  }

  async next(): Promise<Buffer | undefined> {
    if (this.#file === undefined) return undefined;
    [this.#chunk, this.#other] = [this.#other, this.#chunk];
    try {
      const length = readSync(this.#file, this.#chunk);
      this.position += length;
      return length === 0 ? undefined : this.#chunk.subarray(0, length);
    } catch (error) {
      throw usage(`${this.#path}: ${messageOf(error)}`);
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** A pipe, which may be asked for a second time: what comes is kept on disk. */
class KeptInput {
  readonly #openPipe: () => LogBytes;
  #spill: SpillFile | undefined;
  #isOpened = false;

  constructor(openPipe: () => LogBytes) {
    this.#openPipe = openPipe;
  }

  open(): LogBytes {
    if (this.#isOpened) return this.#again();
    this.#isOpened = true;
    this.#spill = new SpillFile();
    const input = this.#openPipe();
    const keep = (chunk: Buffer | undefined): Buffer | undefined => {
      if (chunk !== undefined) this.#keep(chunk);
      return chunk;
    };
    return {
      next: async () => keep(await input.next()),
      get position() {
        return input.position;
      },
      close: () => input.close(),
    };
  }

  #keep(chunk: Buffer): void {
    try {
      this.#spill?.write(chunk);
    } catch {
      // No room. It will be missed only if something has to be looked up, and then it is said.
      this.#spill?.close();
      this.#spill = undefined;
    }
  }

  #again(): LogBytes {
    if (this.#spill === undefined) {
      console.error(`holdfast: a pipe found no room in ${tmpdir()}: late links in it are not followed`);
    }
    const blocks = this.#spill?.blocks();
    let position = 0;
    return {
      next: async () => {
        const block = blocks?.next();
        if (block === undefined || block.done === true) return undefined;
        position += block.value.length;
        return block.value;
      },
      get position() {
        return position;
      },
      close: () => undefined,
    };
  }
}

/** Node has no xz of its own. What it unpacked ends only when it says that this was all: a file may be cut short. */
function unxz(path: string, file: ReturnType<typeof createReadStream>): LogBytes {
  const xz = spawn('xz', ['-dc'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const unpacked = new PassThrough({ highWaterMark: chunkBytes });
  let complaint = '';
  xz.stderr.on('data', (text) => {
    complaint += text;
  });
  file.on('error', (error) => unpacked.destroy(error));
  xz.on('error', (error) => unpacked.destroy(error));
  // It may give up before it has read all: it says why itself.
  xz.stdin.on('error', () => undefined);
  xz.on('close', (code) => {
    if (code === 0) unpacked.end();
    else unpacked.destroy(new Error(complaint.trim() || `xz ended with ${code}`));
  });
  file.pipe(xz.stdin);
  xz.stdout.pipe(unpacked, { end: false });
  return new StreamBytes(path, unpacked, file, xz);
}

class StreamBytes implements LogBytes {
  readonly #name: string;
  readonly #stream: Readable;
  readonly #source: { readonly bytesRead?: number; destroy(): unknown };
  readonly #child: { kill(): unknown } | undefined;
  readonly #chunks: AsyncIterator<Buffer>;
  #failed: Error | undefined;

  constructor(
    name: string,
    stream: Readable,
    source: { readonly bytesRead?: number; destroy(): unknown },
    child?: { kill(): unknown },
  ) {
    this.#name = name;
    this.#stream = stream;
    this.#source = source;
    this.#child = child;
    stream.on('error', (error) => {
      this.#failed = error;
    });
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  get position(): number {
    return this.#source.bytesRead ?? 0;
  }

  async next(): Promise<Buffer | undefined> {
    try {
      const chunk = await this.#chunks.next();
      if (this.#failed !== undefined) throw this.#failed;
      return chunk.done === true ? undefined : chunk.value;
    } catch (error) {
      throw usage(`${this.#name}: ${messageOf(error)}`);
    }
  }

  close(): void {
    this.#child?.kill();
    this.#stream.destroy();
    this.#source.destroy();
  }
}
