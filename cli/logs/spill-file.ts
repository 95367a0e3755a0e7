import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Spill } from '../../shared/ids/spill.ts';

/**
 * Blocks in a temporary file, which has no name from its first byte on: whatever ends this process, nothing is left.
 * TMPDIR says where; a 10 GB log needs about 1 GB there.
 */
export class SpillFile implements Spill {
  #file: number | undefined;
  readonly #lengths: number[] = [];
  #end = 0;

  write(block: Uint8Array): void {
    this.#file ??= nameless();
    for (let at = 0; at < block.length; ) at += writeSync(this.#file, block, at, block.length - at, this.#end + at);
    this.#lengths.push(block.length);
    this.#end += block.length;
  }

  *blocks(): Generator<Buffer> {
    if (this.#file === undefined) return;
    let position = 0;
    for (const length of this.#lengths) {
      const block = Buffer.allocUnsafe(length);
      for (let at = 0; at < length; ) {
        const count = readSync(this.#file, block, at, length - at, position + at);
        if (count === 0) throw new Error('a temporary file has become shorter');
        at += count;
      }
      position += length;
      yield block;
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function nameless(): number {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
  try {
    return openSync(join(folder, 'spill'), 'wx+', 0o600);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
