import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/**
 * An append-only file of JSON lines, each on disk before {@link Journal.append} returns. Synchronous on purpose: what
 * comes after an append in the code comes after it on disk.
 */
export class Journal {
  readonly #path: string;
  #handle: number;
  #bytes: number;

  private constructor(path: string, handle: number, bytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.#bytes = bytes;
  }

  /**
   * Opens or creates it and returns its lines, oldest first. A torn last line (killed mid-write) is cut off: what it
   * meant to say had not been answered for yet.
   * @throws Error naming the line if any other is damaged
   */
  static open(path: string): { journal: Journal; lines: unknown[] } {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    rmSync(`${path}.new`, { force: true });
    const handle = openSync(path, 'a+', 0o600);
    const bytes = readFileSync(path);
    if (bytes.length === 0) syncDirectory(dirname(path));
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole < bytes.length) ftruncateSync(handle, whole);
    const texts = bytes.toString('utf8', 0, whole).split('\n').slice(0, -1);
    const lines = texts.map((text, index) => {
      try {
        return JSON.parse(text);
      } catch {
        throw new Error(`${path}:${index + 1}: damaged line in the journal`);
      }
    });
    return { journal: new Journal(path, handle, whole), lines };
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws Error (disk full …); the file is then as it was */
  append(line: unknown): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    try {
      writeWhole(this.#handle, bytes);
      fdatasyncSync(this.#handle);
      this.#bytes += bytes.length;
    } catch (error) {
      ftruncateSync(this.#handle, this.#bytes);
      throw error;
    }
  }

  /** Replaces the whole content: a new file beside it, then one rename. @throws Error; the old file then stands */
  rewrite(lines: readonly unknown[]): void {
    const temporary = `${this.#path}.new`;
    const handle = openSync(temporary, 'w', 0o600);
    try {
      for (const line of lines) writeWhole(handle, Buffer.from(`${JSON.stringify(line)}\n`));
      fsyncSync(handle);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, this.#path);
    syncDirectory(dirname(this.#path));
    closeSync(this.#handle);
    this.#handle = openSync(this.#path, 'a+', 0o600);
    this.#bytes = fstatSync(this.#handle).size;
  }

  close(): void {
    closeSync(this.#handle);
  }
}

function writeWhole(handle: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
}

function syncDirectory(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
