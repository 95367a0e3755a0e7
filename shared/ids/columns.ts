import type { Fact } from '../correlate/facts.ts';
import type { Place } from './place.ts';
import { longMicrosAt } from './plain-id.ts';
import { chunkOf, copyBytes, hashOf, indexOfByte, isSame } from './words.ts';

export type Outcome = Extract<Fact, { kind: 'outcome' }>;

/** Whose a life was found to be by its links. */
export interface Owned {
  readonly startMicros: number;
  /** Absent: nobody's, whatever else may claim it. */
  readonly login?: string;
}

/** What few traces have. */
export interface Side {
  /** Deliveries in full: those with a claim of one of our own hosts; all, where outcomes are counted. */
  outcomes?: Outcome[];
  /** Facts that have no column. */
  more?: Fact[];
  /** Starts of the lives whose rows are out, but for that of a simple trace. */
  printed?: number[];
  owned?: Owned[];
  /** Claims about links that are not decided yet. */
  openClaims: number;
  /** From XFORWARD. */
  origQueueId?: string;
  /** Texts too long for their field. */
  client?: string | undefined;
  login?: string | undefined;
  sender?: string | undefined;
}

/** Times of a trace, as offsets into its row of `times`; -1 where there is none. */
export const at = {
  /** The acceptance. */
  start: 0,
  messageId: 1,
  queued: 2,
  held: 3,
  /** Removed, purged or requeued: the life is over. */
  ended: 4,
  /** A delivery was tried; the latest. Kept without its outcome, as evidence that the message exists. */
  tried: 5,
  /** The newest line. */
  last: 6,
} as const;
const timesPerTrace = 8;

export const flag = {
  /** A long ID names one message for ever; a short one may return. */
  long: 1,
  /** A fact is older than the acceptance. */
  early: 2,
  /** There may be another life, or one of another kind: the core has to tell. */
  odd: 4,
  /** Log time has passed the beginning by the settling time: the disorder of lines is over. */
  settled: 8,
  /** Older than other lines of this relay. */
  late: 16,
  /** The row of a simple trace is out. */
  printed: 32,
} as const;

/**
 * Texts of a trace: their lengths in the first four bytes of its row of `texts`, then the texts themselves, one after the
 * other.
 */
export const text = { id: 0, client: 1, login: 2, sender: 3 } as const;
export type Text = (typeof text)[keyof typeof text];
const textsFrom = 4;
const textBytes = 256;

const buckets = 1 << 17;
const none = -1;

/**
 * What is known of the queue IDs in memory: the core's facts, flattened into columns by slot, because there are
 * hundreds in each second of a busy log, and as objects they cost more than reading their lines. What they mean is
 * traces.ts's business.
 */
export class TraceColumns {
  readonly capacity: number;
  readonly #buckets = new Int32Array(buckets).fill(none);
  readonly #next: Int32Array;
  readonly #hashes: Int32Array;
  readonly #times: Float64Array;
  readonly #texts: Buffer;
  readonly #textView: DataView;
  readonly #messageIds: Int32Array;
  readonly #flags: Uint8Array;
  readonly #places: Place[] = [];
  readonly #sides: (Side | undefined)[];
  readonly #generations: Uint32Array;
  #free = 0;
  size = 0;

  /** Room for so many at once. */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.#next = Int32Array.from({ length: capacity }, (_, slot) => slot + 1);
    this.#hashes = new Int32Array(capacity);
    this.#times = new Float64Array(capacity * timesPerTrace);
    this.#texts = Buffer.alloc(capacity * textBytes);
    this.#textView = chunkOf(this.#texts).view;
    this.#messageIds = new Int32Array(capacity);
    this.#flags = new Uint8Array(capacity);
    this.#sides = new Array(capacity).fill(undefined);
    this.#generations = new Uint32Array(capacity);
  }

  /** The slot of the ID that stands in `[from, end)`, or -1; `hash` is `hashOf`'s over it. */
  find(view: DataView, from: number, end: number, hash: number, place: Place): number {
    let slot = this.#buckets[bucketOf(hash, place)] ?? none;
    while (slot >= 0) {
      if (this.#hashes[slot] === hash && this.#places[slot] === place && this.isText(slot, text.id, view, from, end))
        return slot;
      slot = this.#next[slot] ?? none;
    }
    return none;
  }

  findText(queueId: string, place: Place): number {
    const { bytes, view } = chunkOf(Buffer.from(queueId));
    return this.find(view, 0, bytes.length, hashOf(view, 0, bytes.length), place);
  }

  /** A new trace of the valid ID in `[from, end)`. @throws Error if there is no room */
  create(view: DataView, from: number, end: number, hash: number, place: Place, atMicros: number): number {
    const slot = this.#free;
    if (slot >= this.capacity) throw new Error('no room for another trace');
    this.#free = this.#next[slot] ?? this.capacity;
    this.size += 1;
    const bucket = bucketOf(hash, place);
    this.#hashes[slot] = hash;
    this.#next[slot] = this.#buckets[bucket] ?? none;
    this.#buckets[bucket] = slot;
    this.#places[slot] = place;
    const times = slot * timesPerTrace;
    for (let which = 0; which < at.last; which++) this.#times[times + which] = none;
    this.#times[times + at.last] = atMicros;
    this.#textView.setInt32(slot * textBytes, 0);
    this.putText(slot, text.id, view, from, end);
    // Of all IDs only long ones hold a `z`, in front of the inode.
    this.#flags[slot] = indexOfByte(view, 122, from, end) < end ? flag.long : 0;
    return slot;
  }

  /** `hashOf`'s over the ID of a trace. */
  idHashOf(slot: number): number {
    return this.#hashes[slot] ?? 0;
  }

  /** Gives the slot back. */
  remove(slot: number): void {
    const bucket = bucketOf(this.#hashes[slot] ?? 0, this.placeOf(slot));
    const after = this.#next[slot] ?? none;
    let before = this.#buckets[bucket] ?? none;
    if (before === slot) {
      this.#buckets[bucket] = after;
    } else {
      while (before >= 0 && this.#next[before] !== slot) before = this.#next[before] ?? none;
      if (before >= 0) this.#next[before] = after;
    }
    this.#next[slot] = this.#free;
    this.#free = slot;
    this.#sides[slot] = undefined;
    this.#generations[slot] = (this.#generations[slot] ?? 0) + 1;
    this.size -= 1;
  }

  /** Changes when a slot is given to another trace. */
  generation(slot: number): number {
    return this.#generations[slot] ?? 0;
  }

  /** `which`: one of `at`. */
  time(slot: number, which: number): number {
    return this.#times[slot * timesPerTrace + which] ?? none;
  }

  setTime(slot: number, which: number, atMicros: number): void {
    this.#times[slot * timesPerTrace + which] = atMicros;
  }

  is(slot: number, flags: number): boolean {
    return ((this.#flags[slot] ?? 0) & flags) !== 0;
  }

  flags(slot: number): number {
    return this.#flags[slot] ?? 0;
  }

  unmark(slot: number, flags: number): void {
    this.#flags[slot] = (this.#flags[slot] ?? 0) & ~flags;
  }

  mark(slot: number, flags: number): void {
    this.#flags[slot] = (this.#flags[slot] ?? 0) | flags;
  }

  placeOf(slot: number): Place {
    const place = this.#places[slot];
    if (place === undefined) throw new Error('no such trace');
    return place;
  }

  messageId(slot: number): number {
    return this.#messageIds[slot] ?? 0;
  }

  setMessageId(slot: number, hash: number): void {
    this.#messageIds[slot] = hash;
  }

  side(slot: number): Side | undefined {
    return this.#sides[slot];
  }

  makeSide(slot: number): Side {
    let side = this.#sides[slot];
    if (side === undefined) {
      side = { openClaims: 0 };
      this.#sides[slot] = side;
    }
    return side;
  }

  /** Bytes of a text; 0 also where it is in `sides`. */
  textLength(slot: number, which: Text): number {
    return this.#texts[slot * textBytes + which] ?? 0;
  }

  /** Copies a text in; false if it finds no room: it is too long, or came after one that stands behind it. */
  putText(slot: number, which: Text, view: DataView, from: number, end: number): boolean {
    const row = slot * textBytes;
    const length = end - from;
    if (length === 0) return true;
    let to = row + textsFrom;
    for (let before = 0; before < which; before++) to += this.#texts[row + before] ?? 0;
    for (let behind = which; behind <= text.sender; behind++) if (this.#texts[row + behind] !== 0) return false;
    if (to + length > row + textBytes) return false;
    copyBytes(view, from, end, this.#textView, to);
    this.#texts[row + which] = length;
    return true;
  }

  /** Copies a text out to `target`; returns the index after it. */
  copyText(slot: number, which: Text, target: DataView, to: number): number {
    const from = this.#from(slot, which);
    return copyBytes(this.#textView, from, from + this.textLength(slot, which), target, to);
  }

  isText(slot: number, which: Text, view: DataView, from: number, end: number): boolean {
    return (
      this.textLength(slot, which) === end - from && isSame(view, from, end, this.#textView, this.#from(slot, which))
    );
  }

  /** Time inside a long ID; undefined where it is no usual one. */
  longIdMicros(slot: number): number | undefined {
    const from = slot * textBytes + textsFrom;
    return longMicrosAt(this.#textView, from, from + this.textLength(slot, text.id));
  }

  textOf(slot: number, which: Text): string {
    const length = this.textLength(slot, which);
    if (length === 0) return '';
    const from = this.#from(slot, which);
    return this.#texts.toString('utf8', from, from + length);
  }

  #from(slot: number, which: Text): number {
    const row = slot * textBytes;
    let from = row + textsFrom;
    for (let before = 0; before < which; before++) from += this.#texts[row + before] ?? 0;
    return from;
  }
}

function bucketOf(hash: number, place: Place): number {
  return (hash ^ Math.imul(place.number, 0x85ebca6b)) & (buckets - 1);
}
