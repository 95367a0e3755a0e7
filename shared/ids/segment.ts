import type { Kind } from './sift.ts';
import { type Chunk, chunkOf } from './words.ts';

const wordsPerEntry = 10;
/** Offsets into an entry's words. The last two are the line's time, as one number of 64 bits. */
const at = { from: 0, end: 1, idFrom: 2, bits: 3, one: 4, other: 5, place: 6, next: 7 } as const;
const timesPerEntry = wordsPerEntry / 2;
const timeAt = 4;
const kindMask = 0xff;
const idShift = 8;
const idMask = 0xff;
const doneBit = 1 << 16;
const none = -1;
const dayMicros = 86_400_000_000;
/** A line with a queue ID has some 180 bytes; with fewer, the entries are used up before the bytes. */
const bytesPerEntry = 96;

/**
 * A piece of a log as it was read, and an index of its lines by queue ID. Kept as numbers in two arrays, because there
 * are hundreds of thousands.
 */
export class Segment {
  readonly chunk: Chunk;
  /** Bytes that are filled. */
  used = 0;
  /** Entries so far. */
  count = 0;
  /** The first of them, whose lines were kept from segments before. */
  keptCount = 0;
  /** Latest time of a line; one stray stamp moves it not, two that agree do. */
  newestMicros = Number.NEGATIVE_INFINITY;
  #strayMicros = Number.NEGATIVE_INFINITY;
  /** Entries that may lead to a row, in the order of their lines, and how many of them were judged. */
  readonly events: Int32Array;
  eventCount = 0;
  judgedCount = 0;
  readonly #capacity: number;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #buckets: Int32Array;

  constructor(bytes: number) {
    this.chunk = chunkOf(Buffer.alloc(bytes));
    this.#capacity = Math.ceil(bytes / bytesPerEntry);
    const entries = new ArrayBuffer(this.#capacity * wordsPerEntry * 4);
    this.#words = new Int32Array(entries);
    this.#times = new Float64Array(entries);
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(this.#capacity))).fill(none);
    this.events = new Int32Array(this.#capacity);
  }

  clear(): void {
    this.used = 0;
    this.count = 0;
    this.keptCount = 0;
    this.newestMicros = Number.NEGATIVE_INFINITY;
    this.#strayMicros = Number.NEGATIVE_INFINITY;
    this.eventCount = 0;
    this.judgedCount = 0;
    this.#buckets.fill(none);
  }

  /** So many more entries have room. */
  get room(): number {
    return this.#capacity - this.count;
  }

  add(
    kind: Kind,
    from: number,
    end: number,
    idFrom: number,
    idEnd: number,
    one: number,
    other: number,
    place: number,
    atMicros: number,
  ): number {
    const entry = this.count;
    this.count = entry + 1;
    const words = this.#words;
    const base = entry * wordsPerEntry;
    const bucket = one & (this.#buckets.length - 1);
    words[base + at.from] = from;
    words[base + at.end] = end;
    words[base + at.idFrom] = idFrom;
    words[base + at.bits] = kind | ((idEnd - idFrom) << idShift);
    words[base + at.one] = one;
    words[base + at.other] = other;
    words[base + at.place] = place;
    words[base + at.next] = this.#buckets[bucket] ?? none;
    this.#times[entry * timesPerEntry + timeAt] = atMicros;
    this.#buckets[bucket] = entry;
    if (atMicros > this.newestMicros) this.#passed(atMicros);
    return entry;
  }

  #passed(atMicros: number): void {
    const isStray =
      Math.min(Math.abs(atMicros - this.newestMicros), Math.abs(atMicros - this.#strayMicros)) > dayMicros;
    if (isStray) this.#strayMicros = atMicros;
    else this.newestMicros = atMicros;
  }

  addEvent(entry: number): void {
    this.events[this.eventCount] = entry;
    this.eventCount += 1;
  }

  /** The last entry of an ID, or -1. */
  last(one: number, other: number): number {
    return this.#same(this.#buckets[one & (this.#buckets.length - 1)] ?? none, one, other);
  }

  /** The one before it of the same ID, or -1. */
  before(entry: number): number {
    const base = entry * wordsPerEntry;
    const words = this.#words;
    return this.#same(words[base + at.next] ?? none, words[base + at.one] ?? 0, words[base + at.other] ?? 0);
  }

  #same(first: number, one: number, other: number): number {
    const words = this.#words;
    for (let entry = first; entry >= 0; entry = words[entry * wordsPerEntry + at.next] ?? none) {
      const base = entry * wordsPerEntry;
      if (words[base + at.one] === one && words[base + at.other] === other) return entry;
    }
    return none;
  }

  kind(entry: number): Kind {
    return ((this.#words[entry * wordsPerEntry + at.bits] ?? 0) & kindMask) as Kind;
  }
  from(entry: number): number {
    return this.#words[entry * wordsPerEntry + at.from] ?? 0;
  }
  end(entry: number): number {
    return this.#words[entry * wordsPerEntry + at.end] ?? 0;
  }
  idFrom(entry: number): number {
    return this.#words[entry * wordsPerEntry + at.idFrom] ?? 0;
  }
  idEnd(entry: number): number {
    const base = entry * wordsPerEntry;
    return (this.#words[base + at.idFrom] ?? 0) + (((this.#words[base + at.bits] ?? 0) >> idShift) & idMask);
  }
  one(entry: number): number {
    return this.#words[entry * wordsPerEntry + at.one] ?? 0;
  }
  other(entry: number): number {
    return this.#words[entry * wordsPerEntry + at.other] ?? 0;
  }
  place(entry: number): number {
    return this.#words[entry * wordsPerEntry + at.place] ?? 0;
  }
  atMicros(entry: number): number {
    return this.#times[entry * timesPerEntry + timeAt] ?? 0;
  }
  /** Whether the row of the life that begins here is out. */
  isDone(entry: number): boolean {
    return ((this.#words[entry * wordsPerEntry + at.bits] ?? 0) & doneBit) !== 0;
  }
  setDone(entry: number): void {
    const bits = entry * wordsPerEntry + at.bits;
    this.#words[bits] = (this.#words[bits] ?? 0) | doneBit;
  }
  textOf(entry: number): string {
    return this.chunk.bytes.toString('utf8', this.from(entry), this.end(entry));
  }
}
