import { sameLifeMicros } from '../correlate/lives.ts';
import type { Spill } from './spill.ts';

const rowBytes = 16;
const rowsPerBlock = 1 << 14;

interface PrintedRow {
  readonly place: number;
  readonly startMicros: number;
}

/** Which lives have their row already: on disk, because nobody asks before the end. */
export class Printed {
  readonly #spill: Spill;
  readonly #block = Buffer.allocUnsafe(rowsPerBlock * rowBytes);
  #used = 0;

  constructor(spill: Spill) {
    this.#spill = spill;
  }

  /** `one`: of the ID's key. */
  add(one: number, place: number, startMicros: number): void {
    if (this.#used === this.#block.length) this.#flush();
    this.#block.writeInt32LE(one, this.#used);
    this.#block.writeInt32LE(place, this.#used + 4);
    this.#block.writeDoubleLE(startMicros, this.#used + 8);
    this.#used += rowBytes;
  }

  /** The rows of some IDs; whether one is among them. */
  of(ids: ReadonlySet<number>): (one: number, place: number, startMicros: number) => boolean {
    this.#flush();
    const rows = new Map<number, PrintedRow[]>();
    for (const block of this.#spill.blocks()) {
      for (let at = 0; at < block.length; at += rowBytes) {
        const one = block.readInt32LE(at);
        if (!ids.has(one)) continue;
        const row = { place: block.readInt32LE(at + 4), startMicros: block.readDoubleLE(at + 8) };
        const known = rows.get(one);
        if (known === undefined) rows.set(one, [row]);
        else known.push(row);
      }
    }
    return (one, place, startMicros) =>
      rows.get(one)?.some((row) => row.place === place && Math.abs(row.startMicros - startMicros) <= sameLifeMicros) ??
      false;
  }

  #flush(): void {
    if (this.#used > 0) this.#spill.write(this.#block.subarray(0, this.#used));
    this.#used = 0;
  }
}
