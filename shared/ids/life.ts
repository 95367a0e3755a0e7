import { agreeMicros } from '../correlate/links.ts';
import { sameLifeMicros } from '../correlate/lives.ts';
import type { SiftMemory } from './memory.ts';
import { type Range, readMessageId, readQueued } from './plain.ts';
import type { Segment } from './segment.ts';
import type { Window } from './window.ts';

const none = -1;
const idEndMark = ': ';
/** Offsets into a life's words, of which the first are times of 64 bits (wasm/life.ts). */
const at = {
  place: 12,
  isAlone: 13,
  hasOneParent: 14,
  isDone: 15,
  isTried: 16,
  isRemoved: 17,
  isEnded: 18,
  accepted: 19,
  queued: 21,
  messageId: 23,
  named: 25,
} as const;
const timesPerLife = 6;
const startAt = 0;
const queuedAt = 1;
const untilAt = 2;
const wordsPerLife = 27;

/** A line in the window. */
class Spot {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #window: Window;

  constructor(words: Int32Array, at: number, window: Window) {
    this.#words = words;
    this.#at = at;
    this.#window = window;
  }

  get segment(): Segment | undefined {
    const index = this.#words[this.#at] ?? none;
    return index < 0 ? undefined : this.#window.segments[index];
  }
  get entry(): number {
    return this.#words[this.#at + 1] ?? none;
  }
}

/**
 * What the window's lines say of one queue ID where that is plain: one life at a time, with one acceptance and one
 * message-id, and nothing after its end. Read by compiled code (wasm/life.ts). Objects are used again and again.
 */
export class PlainLife {
  readonly accepted: Spot;
  readonly queued: Spot;
  readonly messageId: Spot;
  /** The latest delivery that names this ID. */
  readonly named: Spot;
  readonly #code: SiftMemory['code'];
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #text: Range = { from: 0, end: 0 };

  constructor(window: Window) {
    const { code, view } = window.memory;
    const address = window.memory.take(wordsPerLife * 4);
    const words = new Int32Array(view.buffer, address, wordsPerLife);
    this.#code = code;
    this.#words = words;
    this.#times = new Float64Array(view.buffer, address, timesPerLife);
    this.accepted = new Spot(words, at.accepted, window);
    this.queued = new Spot(words, at.queued, window);
    this.messageId = new Spot(words, at.messageId, window);
    this.named = new Spot(words, at.named, window);
    code.setTolerances(agreeMicros, sameLifeMicros);
  }

  /**
   * Reads the life that an ID had at a time, at one place or wherever it has lines. False: that is not plain, and the
   * core has to tell its lives apart. Without an acceptance nothing is known of it.
   */
  read(one: number, other: number, place: number, atMicros: number): boolean {
    return this.#code.readLife(this.#words.byteOffset, one, other, place, atMicros) !== 0;
  }

  get place(): number {
    return this.#words[at.place] ?? none;
  }
  /** No other instance of the relay has lines about this ID. */
  get isAlone(): boolean {
    return this.#words[at.isAlone] === 1;
  }
  /** All deliveries that name this ID are the same parent's. */
  get hasOneParent(): boolean {
    return this.#words[at.hasOneParent] === 1;
  }
  /** Its row is out. */
  get isDone(): boolean {
    return this.#words[at.isDone] === 1;
  }
  /** There were deliveries, which show a message too. */
  get isTried(): boolean {
    return this.#words[at.isTried] === 1;
  }
  get isRemoved(): boolean {
    return this.#words[at.isRemoved] === 1;
  }
  /** The same, and not just now. */
  get isEnded(): boolean {
    return this.#words[at.isEnded] === 1;
  }
  /** Time inside a long ID, or of the acceptance. */
  get startMicros(): number {
    return this.#times[startAt] ?? 0;
  }
  get queuedMicros(): number {
    return this.#times[queuedAt] ?? 0;
  }
  /** Of the next acceptance of the same ID. */
  get untilMicros(): number {
    return this.#times[untilAt] ?? 0;
  }

  /** False if a message-id is there and cannot be read plainly. */
  readMessageId(id: Range): boolean {
    const { segment, entry } = this.messageId;
    return segment !== undefined && readMessageId(segment.chunk.view, textFrom(segment, entry), segment.end(entry), id);
  }

  /** Undefined if it is not plain; empty where none was seen. */
  messageIdText(): string | undefined {
    const { segment } = this.messageId;
    if (segment === undefined) return '';
    return this.readMessageId(this.#text)
      ? segment.chunk.bytes.toString('utf8', this.#text.from, this.#text.end)
      : undefined;
  }

  readQueued(sender: Range, recipients: Range): boolean {
    const { segment, entry } = this.queued;
    if (segment === undefined) return false;
    return readQueued(segment.chunk.view, textFrom(segment, entry), segment.end(entry), sender, recipients);
  }
}

/** Where the text after the ID begins, in a line that was recognised by it. */
export function textFrom(segment: Segment, entry: number): number {
  return segment.idEnd(entry) + idEndMark.length;
}
