import { factOf } from '../correlate/collect.ts';
import type { OwnHost } from '../correlate/links.ts';
import { longestTransactionMicros } from '../correlate/processes.ts';
import type { LogRecord } from '../parse/record.ts';
import { childOf, parentsOf } from './claims.ts';
import type { LogClock } from './clock.ts';
import { Docket } from './docket.ts';
import { type Key, keyOf } from './key.ts';
import * as kind from './kind.ts';
import { OpenIds } from './open-ids.ts';
import { OwnAddresses } from './own-addresses.ts';
import { type Place, Places } from './place.ts';
import { Printed } from './printed.ts';
import type { IdRow, RowSink } from './row.ts';
import { SecondReading } from './second-reading.ts';
import type { Kind, Segment } from './segment.ts';
import { type RecordSink, Sifter } from './sift.ts';
import type { Spill } from './spill.ts';
import { Window } from './window.ts';

/** Lines may stand this much out of order, in log time, before it is asked what they say. */
const settleMicros = 6 * 60_000_000;
const segmentBytes = 4 << 20;
const newline = 10;

/** When a life's row comes: once it is known to be a message; at its end; or at the end of input, if it has no end. */
export type RowsWhen = 'known' | 'ended' | 'open';

export interface IdsOptions {
  readonly ownHost: OwnHost;
  readonly rows: RowsWhen;
  readonly spill: Spill;
  readonly sink: RowSink;
  /** Nobody asks for what was made from an account's mail. */
  readonly directOnly?: boolean;
  /** Bytes of each of the window's segments. */
  readonly segmentBytes?: number;
}

interface Event {
  readonly segment: Segment;
  readonly entry: number;
}

/**
 * The queue IDs of accounts, from the bytes of logs, while they are read: rows are what the core's `attribute` says of
 * the union of all lines.
 *
 * Lines come into a window that moves over the log; each line that speaks of a queue ID is indexed there, and nothing
 * is made of it. Only where a line names an account or a link, it is asked what the window says of its ID: once log
 * time has passed it by `settleMicros`, or the window is full. What is plain is read in place (judge.ts), the rest by
 * the core (closure.ts). What needs lines that the window gave up, or never had, is a question: the log is read once
 * more for those few IDs, at the end (second-reading.ts).
 */
export class IdsEngine implements RecordSink {
  readonly later: SecondReading;
  readonly #places = new Places();
  readonly #window: Window;
  readonly #sifter: Sifter;
  readonly #own: OwnAddresses;
  readonly #docket: Docket;
  readonly #openIds: OpenIds | undefined;
  readonly #followsLinks: boolean;
  /** Judged, and not decided. */
  #pending: Event[] = [];
  #zone = 'UTC';
  #tooLong = 0;
  #nowMicros = 0;

  constructor({ ownHost, rows, spill, sink, directOnly = false, segmentBytes: size = segmentBytes }: IdsOptions) {
    this.#followsLinks = !directOnly;
    const places = this.#places;
    const own = new OwnAddresses(ownHost, places);
    const window = new Window(size);
    const printed = new Printed(spill);
    const print = (row: IdRow): void => sink.row(row);
    const outcomes = rows === 'ended';
    const printEnded = (one: number, row: IdRow): void => {
      printed.add(one, places.at(row.relay, row.instance).number, row.acceptedAtMicros);
      sink.row(row);
    };
    const links: Kind[] = directOnly ? [] : [kind.named, kind.forwarded];
    const events: Kind[] = rows === 'known' ? [kind.login, ...links] : Object.values(kind);
    this.#own = own;
    this.#window = window;
    this.#sifter = new Sifter({ memory: window.memory, places, own, events, sink: this });
    this.#openIds = rows === 'known' ? undefined : new OpenIds(rows, places, printEnded);
    this.later = new SecondReading({ ownHost, rows, outcomes, places, own, printed, print, segmentBytes: size });
    const ask = (one: number): void => this.later.ask(one);
    this.#docket = new Docket({ window, places, own, ownHost, sink, printed, openIds: this.#openIds, ask });
  }

  /** Lines so far: `parsed` told something of mail, `malformed` no grammar could read (I8). */
  get lines(): {
    readonly total: number;
    readonly parsed: number;
    readonly ignored: number;
    readonly malformed: number;
  } {
    const { lines: total, records: parsed } = this.#sifter;
    const malformed = this.#sifter.malformed + this.#tooLong;
    return { total: total + this.#tooLong, parsed, ignored: total - parsed - this.#sifter.malformed, malformed };
  }

  /** Relays and instances met so far. */
  get places(): readonly Place[] {
    return this.#places.all;
  }

  /**
   * Reads the whole lines in `[from, end)` until one is newer than `untilMicros`, to the minute. Returns the index after
   * the last one's newline.
   */
  read(bytes: Buffer, from: number, end: number, clock: LogClock, untilMicros: number): number {
    this.#zone = clock.context.zone;
    let at = from;
    while (at < end) {
      const segment = this.#window.youngest;
      const length = segment.put(bytes, at, end);
      if (length === 0) {
        const lineEnd = bytes.indexOf(newline, at);
        if (lineEnd < 0 || lineEnd >= end) break;
        if (segment.used > 0) {
          this.#turn();
        } else {
          // Longer than a segment.
          this.leftOut();
          at = lineEnd + 1;
        }
        continue;
      }
      const begin = segment.used;
      segment.used = this.#sifter.read(segment, begin, begin + length, clock, untilMicros);
      at += segment.used - begin;
      if (segment.used < begin + length) break;
    }
    this.#nowMicros = clock.nowMicros;
    this.#judgeUntil(clock.nowMicros - settleMicros);
    return at;
  }

  /** A line that was too long to be looked at: nobody's. */
  leftOut(): void {
    this.#tooLong += 1;
  }

  /** Judges all there is, without waiting for lines that might come late: nothing comes at present. */
  flush(): void {
    this.#judgeUntil(Number.POSITIVE_INFINITY);
    this.#pending = this.#pending.filter(({ segment, entry }) => !this.#docket.judgeAgain(segment, entry, this.#zone));
  }

  /** The end of input. What is in question then is `later`'s. */
  end(): void {
    this.flush();
    for (const { segment, entry } of this.#pending) this.#docket.giveUp(segment, entry, this.#zone);
    this.#pending = [];
    this.#openIds?.end();
  }

  parsed(record: LogRecord, from: number, end: number): void {
    const stated = factOf(record, String);
    if (stated === undefined) return;
    const { queueId, fact } = stated;
    const segment = this.#window.youngest;
    const place = this.#places.at(record.host, record.instance);
    place.used ||= record.instance !== '';
    const add = (what: Kind, { one, other }: Key, isEvent: boolean): void => {
      const entry = segment.add(what, from, end, from, from, one, other, place.number, fact.atMicros);
      if (isEvent || this.#openIds !== undefined) segment.addEvent(entry);
    };
    const isNamed = fact.kind === 'accepted' && fact.login !== undefined;
    const isMade = this.#followsLinks && parentsOf(fact, place, this.#own).length > 0;
    add(kind.other, keyOf(queueId, place.relay), isNamed || isMade);
    const child = childOf(fact, place, this.#own);
    // Directly behind its parent's entry.
    if (child !== undefined) add(kind.named, child, this.#followsLinks);
  }

  #judgeUntil(untilMicros: number): void {
    for (const segment of this.#window.segments) this.#judgeSegment(segment, untilMicros);
  }

  #judgeSegment(segment: Segment, untilMicros: number): void {
    while (segment.judgedCount < segment.eventCount) {
      const entry = segment.events[segment.judgedCount] ?? 0;
      if (segment.atMicros(entry) > untilMicros) return;
      segment.judgedCount += 1;
      if (!this.#docket.judge(segment, entry, this.#zone)) this.#pending.push({ segment, entry });
    }
  }

  /** Makes room by giving up the oldest segment. What its lines are needed for is judged before. */
  #turn(): void {
    const { segments, oldest } = this.#window;
    for (const segment of segments.slice(0, -1)) this.#judgeSegment(segment, Number.POSITIVE_INFINITY);
    const leaving = this.#pending.filter(
      ({ segment, entry }) => segment === oldest && !this.#docket.judgeAgain(segment, entry, this.#zone),
    );
    this.#pending = this.#pending.filter(({ segment }) => segment !== oldest);
    const kept: KeptLine[] = [];
    for (const { segment, entry } of leaving) {
      if (this.#mayGoOn(segment, entry)) kept.push(...linesAbout(segment, entry));
      else this.#docket.giveUp(segment, entry, this.#zone);
    }
    if (oldest !== undefined) this.#docket.leave(oldest, this.#zone);
    this.#window.turn();
    for (const line of kept) this.#keep(line);
  }

  /** Whether an acceptance may still become a message. */
  #mayGoOn(segment: Segment, entry: number): boolean {
    return segment.kind(entry) === kind.login && segment.atMicros(entry) + longestTransactionMicros > this.#nowMicros;
  }

  #keep({ text, what, idFrom, idEnd, one, other, place, atMicros, isEvent }: KeptLine): void {
    const segment = this.#window.youngest;
    const from = segment.used;
    if (segment.room === 0 || from + text.length > segment.chunk.bytes.length) return;
    segment.used += text.copy(segment.chunk.bytes, from);
    const entry = segment.add(what, from, segment.used, from + idFrom, from + idEnd, one, other, place, atMicros);
    segment.keptCount = segment.count;
    if (isEvent) segment.addEvent(entry);
  }
}

/** A line that outlives its segment. */
interface KeptLine {
  readonly text: Buffer;
  readonly what: Kind;
  /** From the line's beginning. */
  readonly idFrom: number;
  readonly idEnd: number;
  readonly one: number;
  readonly other: number;
  readonly place: number;
  readonly atMicros: number;
  readonly isEvent: boolean;
}

/** All lines of a segment about the ID of an entry; that one alone is to be judged again. */
function linesAbout(segment: Segment, event: number): KeptLine[] {
  const [one, other] = [segment.one(event), segment.other(event)];
  const lines: KeptLine[] = [];
  for (let entry = segment.last(one, other); entry >= 0; entry = segment.before(entry)) {
    const what = segment.kind(entry);
    if (what === kind.named) continue;
    const from = segment.from(entry);
    lines.push({
      text: Buffer.from(segment.chunk.bytes.subarray(from, segment.end(entry))),
      what,
      idFrom: segment.idFrom(entry) - from,
      idEnd: segment.idEnd(entry) - from,
      one,
      other,
      place: segment.place(entry),
      atMicros: segment.atMicros(entry),
      isEvent: entry === event,
    });
  }
  return lines.reverse();
}
