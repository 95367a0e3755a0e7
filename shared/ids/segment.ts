import type * as kinds from './kind.ts';
import type { SiftMemory } from './memory.ts';
import { type Chunk, chunkOf } from './words.ts';

export type Kind = (typeof kinds)[keyof typeof kinds];

const wordsPerEntry = 10;
/** Offsets into an entry's words (wasm/segment.ts). The last two are the line's time, as one number of 64 bits. */
const at = { from: 0, end: 1, idFrom: 2, bits: 3, one: 4, other: 5, place: 6, next: 7 } as const;
const timesPerEntry = wordsPerEntry / 2;
const timeAt = 4;
/** Offsets into the words of the segment's head, which the compiled code reads and writes, and into its times. */
const head = { count: 6, eventCount: 7, words: 8 } as const;
const headTimes = { newest: 0, stray: 1, length: 2 } as const;
const kindMask = 0xff;
const idShift = 8;
const idMask = 0xff;
const doneBit = 1 << 16;
const none = -1;
const wordBytes = 4;
const newline = 10;
/** A line with a queue ID has some 180 bytes; with fewer, the entries are used up before the bytes. */
const bytesPerEntry = 96;
/** A bit for each value of 16 bits. */
const filterWords = 2048;
/** No line that makes an entry is shorter. */
const shortestLine = 40;

/** What a segment of so many bytes takes of a memory, at most. */
export function memoryOf(bytes: number): number {
  const capacity = capacityOf(bytes);
  return bytes + (capacity * (wordsPerEntry + 1) + bucketsOf(capacity) + filterWords) * wordBytes + 1024;
}

function capacityOf(bytes: number): number {
  return Math.ceil(bytes / bytesPerEntry);
}

function bucketsOf(capacity: number): number {
  return 2 ** Math.ceil(Math.log2(capacity));
}

/**
 * A piece of a log as it was read, and an index of its lines by queue ID. Kept as numbers, because there are hundreds of
 * thousands, in a memory that the sifter's compiled code writes to.
 */
export class Segment {
  readonly chunk: Chunk;
  /** In the memory. */
  readonly address: number;
  /** Bytes that are filled. */
  used = 0;
  /** The first of the entries, whose lines were kept from segments before. */
  keptCount = 0;
  /** Entries that may lead to a row, in the order of their lines, and how many of them were judged. */
  readonly events: Int32Array;
  judgedCount = 0;
  readonly #memory: SiftMemory;
  readonly #capacity: number;
  readonly #head: Int32Array;
  readonly #headTimes: Float64Array;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #buckets: Int32Array;
  readonly #filter: Int32Array;

  constructor(memory: SiftMemory, bytes: number) {
    const { buffer } = memory.view;
    const words = (count: number): Int32Array => new Int32Array(buffer, memory.take(count * wordBytes), count);
    const capacity = capacityOf(bytes);
    this.#memory = memory;
    this.#capacity = capacity;
    this.#head = words(head.words + headTimes.length * 2);
    this.address = this.#head.byteOffset;
    this.#headTimes = new Float64Array(buffer, this.address + head.words * wordBytes, headTimes.length);
    const from = memory.take(bytes);
    this.chunk = chunkOf(memory.bytes.subarray(from, from + bytes));
    this.#words = words(capacity * wordsPerEntry);
    this.#times = new Float64Array(buffer, this.#words.byteOffset, capacity * timesPerEntry);
    this.#buckets = words(bucketsOf(capacity));
    this.#filter = words(filterWords);
    this.events = words(capacity);
    const bucketMask = this.#buckets.length - 1;
    const addresses = [this.events, this.#filter].map(({ byteOffset }) => byteOffset);
    this.#head.set([from, this.#words.byteOffset, this.#buckets.byteOffset, bucketMask, ...addresses]);
    this.clear();
  }

  clear(): void {
    this.used = 0;
    this.keptCount = 0;
    this.judgedCount = 0;
    this.#head[head.count] = 0;
    this.#head[head.eventCount] = 0;
    this.#headTimes.fill(Number.NEGATIVE_INFINITY);
    this.#buckets.fill(none);
    this.#filter.fill(0);
  }

  /** Entries so far. */
  get count(): number {
    return this.#head[head.count] ?? 0;
  }

  get eventCount(): number {
    return this.#head[head.eventCount] ?? 0;
  }

  /** Latest time of a line; one stray stamp moves it not, two that agree do. */
  get newestMicros(): number {
    return this.#headTimes[headTimes.newest] ?? 0;
  }

  /** So many more entries have room. */
  get room(): number {
    return this.#capacity - this.count;
  }

  /** Copies whole lines from `[from, end)` behind what is used: as many as have room. Returns how many bytes. */
  put(bytes: Buffer, from: number, end: number): number {
    const { bytes: own } = this.chunk;
    const limit = Math.min(end, from + own.length - this.used, from + this.room * shortestLine);
    const last = limit > from ? bytes.lastIndexOf(newline, limit - 1) : -1;
    return last < from ? 0 : bytes.copy(own, this.used, from, last + 1);
  }

  add(
    what: Kind,
    from: number,
    end: number,
    idFrom: number,
    idEnd: number,
    one: number,
    other: number,
    place: number,
    atMicros: number,
  ): number {
    const { code } = this.#memory;
    return code.add(this.address, what, from, end, idFrom, idEnd - idFrom, one, other, place, atMicros);
  }

  addEvent(entry: number): void {
    this.#memory.code.addEvent(this.address, entry);
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
