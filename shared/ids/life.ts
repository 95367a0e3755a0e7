import { agreeMicros } from '../correlate/links.ts';
import { sameLifeMicros } from '../correlate/lives.ts';
import * as kind from './kind.ts';
import { type Range, readMessageId, readQueued } from './plain.ts';
import { longMicrosAt } from './plain-id.ts';
import type { Segment } from './segment.ts';
import type { Window } from './window.ts';
import { indexOfByte, isSame } from './words.ts';

const none = -1;
const anyPlace = -1;
const z = 122;
/** What has more lines has no plain life. */
const maxEntries = 8192;
const idEndMark = ': ';

/** A line in the window. */
interface Spot {
  segment: Segment | undefined;
  entry: number;
}

/**
 * What the window's lines say of one queue ID where that is plain: one life at a time, with one acceptance and one
 * message-id, and nothing after its end. Objects are used again and again.
 */
export class PlainLife {
  place = anyPlace;
  /** No other instance of the relay has lines about this ID. */
  isAlone = true;
  readonly accepted: Spot = { segment: undefined, entry: none };
  readonly queued: Spot = { segment: undefined, entry: none };
  readonly messageId: Spot = { segment: undefined, entry: none };
  /** The latest delivery that names this ID, and whether all that do are the same parent's. */
  readonly named: Spot = { segment: undefined, entry: none };
  hasOneParent = true;
  /** Time inside a long ID, or of the acceptance. */
  startMicros = 0;
  queuedMicros = 0;
  /** Of the next acceptance of the same ID. */
  untilMicros = 0;
  /** Its row is out. */
  isDone = false;
  /** There were deliveries, which show a message too. */
  isTried = false;
  isRemoved = false;
  /** The same, and not just now. */
  isEnded = false;
  readonly #text: Range = { from: 0, end: 0 };
  #youngest: Segment | undefined;
  readonly #segments: Segment[] = [];
  readonly #entries = new Int32Array(maxEntries);
  #from = 0;
  #last = 0;
  #end = 0;

  /**
   * Reads the life that an ID had at a time, at one place or wherever it has lines. False: that is not plain, and the
   * core has to tell its lives apart. Without an acceptance nothing is known of it.
   */
  read(window: Window, one: number, other: number, place: number, atMicros: number): boolean {
    this.#reset(place);
    this.#youngest = window.youngest;
    const count = this.#gather(window, one, other);
    if (count < 0 || !this.#findStart(count, atMicros)) return false;
    for (let index = 0; index < count; index++) {
      const segment = this.#segments[index];
      const entry = this.#entries[index] ?? none;
      if (segment === undefined) return false;
      if (segment.kind(entry) === kind.named) {
        if (!this.#addNamed(segment, entry)) return false;
      } else if (segment.place(entry) === this.place && !this.#add(segment, entry)) return false;
    }
    this.queuedMicros = this.queued.segment?.atMicros(this.queued.entry) ?? -1;
    // Another message, whose beginning nobody logged. A long ID has no other.
    return this.#last <= this.#end || this.#from === Number.NEGATIVE_INFINITY;
  }

  #reset(place: number): void {
    this.place = place;
    this.isAlone = true;
    this.accepted.segment = undefined;
    this.queued.segment = undefined;
    this.messageId.segment = undefined;
    this.named.segment = undefined;
    this.hasOneParent = true;
    this.isDone = false;
    this.isTried = false;
    this.isRemoved = false;
    this.isEnded = false;
    this.#last = Number.NEGATIVE_INFINITY;
    this.#end = Number.POSITIVE_INFINITY;
  }

  /** All entries of an ID; -1 if they are too many. */
  #gather(window: Window, one: number, other: number): number {
    let count = 0;
    for (const segment of window.segments) {
      for (let entry = segment.last(one, other); entry >= 0; entry = segment.before(entry)) {
        if (count === maxEntries) return none;
        this.#segments[count] = segment;
        this.#entries[count] = entry;
        count += 1;
        if (segment.kind(entry) === kind.named) continue;
        if (this.place === anyPlace) this.place = segment.place(entry);
        else if (segment.place(entry) !== this.place) this.isAlone = false;
      }
    }
    return count;
  }

  /** When the life of that time began, and when the next one does. False if two could be meant. */
  #findStart(count: number, atMicros: number): boolean {
    let before = Number.NEGATIVE_INFINITY;
    let from = Number.NEGATIVE_INFINITY;
    let until = Number.POSITIVE_INFINITY;
    for (let index = 0; index < count; index++) {
      const segment = this.#segments[index];
      const entry = this.#entries[index] ?? none;
      if (segment === undefined || segment.place(entry) !== this.place || !isStart(segment.kind(entry))) continue;
      if (this.#isLong(segment, entry)) {
        this.#from = Number.NEGATIVE_INFINITY;
        this.untilMicros = Number.POSITIVE_INFINITY;
        return this.startMicros > 0;
      }
      const micros = segment.atMicros(entry);
      if (micros > atMicros) until = Math.min(until, micros);
      else if (micros > from) {
        before = from;
        from = micros;
      } else if (micros < from) before = Math.max(before, micros);
    }
    this.#from = from;
    this.untilMicros = until;
    this.startMicros = from;
    if (from === Number.NEGATIVE_INFINITY) return count === 0;
    return from - before > sameLifeMicros && until > atMicros + agreeMicros;
  }

  /** A long ID names one message for ever. Sets the time inside it. */
  #isLong(segment: Segment, entry: number): boolean {
    const { view } = segment.chunk;
    const [idFrom, idEnd] = [segment.idFrom(entry), segment.idEnd(entry)];
    if (indexOfByte(view, z, idFrom, idEnd) === idEnd) return false;
    this.startMicros = longMicrosAt(view, idFrom, idEnd) ?? 0;
    return true;
  }

  #add(segment: Segment, entry: number): boolean {
    const micros = segment.atMicros(entry);
    const what = segment.kind(entry);
    // It may be a start of its own.
    if (what === kind.other) return micros < this.#from - sameLifeMicros || micros >= this.untilMicros + sameLifeMicros;
    if (micros < this.#from || micros >= this.untilMicros) return true;
    if (what === kind.removed) {
      this.isRemoved = true;
      this.isEnded ||= segment !== this.#youngest;
      if (micros < this.#end) this.#end = micros;
      return true;
    }
    if (micros > this.#last) this.#last = micros;
    switch (what) {
      case kind.accepted:
      case kind.login:
      case kind.forwarded:
        this.isDone ||= segment.isDone(entry);
        return isFirst(this.accepted, segment, entry) || isRepeated(this.accepted, segment, entry);
      case kind.messageId:
        return isFirst(this.messageId, segment, entry) || isSameText(this.messageId, segment, entry);
      case kind.queued:
        return isFirst(this.queued, segment, entry) || this.#addQueued(segment, entry, micros);
      case kind.delivered:
        this.isTried = true;
        return true;
      default:
        return false;
    }
  }

  /** The first `queued` counts. */
  #addQueued(segment: Segment, entry: number, micros: number): boolean {
    const known = this.queued.segment?.atMicros(this.queued.entry) ?? 0;
    if (micros === known) return isSameText(this.queued, segment, entry);
    if (micros < known) {
      this.queued.segment = segment;
      this.queued.entry = entry;
    }
    return true;
  }

  /** False if it could be meant for the next life. */
  #addNamed(segment: Segment, entry: number): boolean {
    const micros = segment.atMicros(entry);
    if (micros < this.#from - agreeMicros || micros >= this.untilMicros) return true;
    if (micros >= this.untilMicros - agreeMicros) return false;
    const { named } = this;
    if (named.segment === undefined) {
      named.segment = segment;
      named.entry = entry;
      return true;
    }
    // The line's own ID, the parent's, is indexed just before it.
    const [parent, known] = [entry - 1, named.entry - 1];
    if (
      segment.one(parent) !== named.segment.one(known) ||
      segment.other(parent) !== named.segment.other(known) ||
      segment.place(parent) !== named.segment.place(known)
    )
      this.hasOneParent = false;
    if (micros > named.segment.atMicros(named.entry)) {
      named.segment = segment;
      named.entry = entry;
    }
    return true;
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

function isStart(what: number): boolean {
  return what === kind.accepted || what === kind.login || what === kind.forwarded;
}

/** Where the text after the ID begins, in a line that was recognised by it. */
export function textFrom(segment: Segment, entry: number): number {
  return segment.idEnd(entry) + idEndMark.length;
}

function isFirst(spot: Spot, segment: Segment, entry: number): boolean {
  if (spot.segment !== undefined) return false;
  spot.segment = segment;
  spot.entry = entry;
  return true;
}

/** The same line once more. */
function isRepeated(spot: Spot, segment: Segment, entry: number): boolean {
  return segment.atMicros(entry) === spot.segment?.atMicros(spot.entry) && isSameText(spot, segment, entry);
}

function isSameText({ segment: known, entry: knownEntry }: Spot, segment: Segment, entry: number): boolean {
  if (known === undefined) return false;
  const [from, end] = [textFrom(segment, entry), segment.end(entry)];
  const knownFrom = textFrom(known, knownEntry);
  if (end - from !== known.end(knownEntry) - knownFrom) return false;
  return isSame(segment.chunk.view, from, end, known.chunk.view, knownFrom);
}
