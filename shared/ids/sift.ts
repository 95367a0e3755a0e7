import { parseLine } from '../parse/line.ts';
import type { LogRecord } from '../parse/record.ts';
import type { LogClock, Minute } from './clock.ts';
import type { SiftMemory } from './memory.ts';
import { readOrigin } from './origin.ts';
import type { OwnAddresses } from './own-addresses.ts';
import type { Places } from './place.ts';
import * as question from './question.ts';
import type { Kind, Segment } from './segment.ts';

const newline = 10;
const carriageReturn = 13;
/** Where an origin's answer says that it is used (wasm/known.ts). */
const isUsedAt = 16;

export interface RecordSink {
  /** A line that only the parser could read; `[from, end)` of the segment. */
  parsed(record: LogRecord, from: number, end: number): void;
}

interface Options {
  readonly memory: SiftMemory;
  readonly places: Places;
  readonly own: OwnAddresses;
  /** Kinds of lines that may lead to a row: the segment lists them as events. */
  readonly events: readonly Kind[];
  readonly sink: RecordSink;
}

/**
 * Finds the lines that speak of queue IDs, and which, from their bytes, and indexes them; nothing is decoded. What is
 * plain is done by compiled code (wasm/sift.ts), which asks here about all that it meets for the first time. What does
 * not look plain is read by `parseLine`, the one grammar.
 */
export class Sifter {
  /** Lines that no grammar could read. */
  malformed = 0;
  readonly #options: Options;
  /** Read by the parser; and of those, what told something of mail. */
  #lines = 0;
  #records = 0;
  #told: Minute | undefined;

  constructor(options: Options) {
    this.#options = options;
    options.memory.code.setEventKinds(options.events.reduce<number>((kinds, kind) => kinds | (1 << kind), 0));
  }

  /** Read so far. */
  get lines(): number {
    return this.#lines + this.#options.memory.code.lines.value;
  }

  /** Of those, what told something of mail. */
  get records(): number {
    return this.#records + this.#options.memory.code.records.value;
  }

  /**
   * Reads the whole lines in `[from, end)` until one is newer than `untilMicros`, to the minute. Returns the index after
   * the last one's newline.
   */
  read(segment: Segment, from: number, end: number, clock: LogClock, untilMicros: number): number {
    const { code } = this.#options.memory;
    this.#tell(clock.minute);
    let at = from;
    while (clock.nowMicros <= untilMicros) {
      at = code.sift(segment.address, at, end);
      if (code.asked.value === question.none) return at;
      at = this.#line(segment, at, clock);
    }
    return at;
  }

  /** Helps with the line at `at`, or has it parsed. Returns where the next one begins. */
  #line(segment: Segment, at: number, clock: LogClock): number {
    const { code } = this.#options.memory;
    const { bytes } = segment.chunk;
    const next = bytes.indexOf(newline, at) + 1;
    let asked = code.asked.value;
    while (asked !== question.parse && this.#answer(asked, segment, at, next, clock)) {
      if (code.sift(segment.address, at, next) === next) return next;
      // The answer was of no use.
      if (code.asked.value === asked) break;
      asked = code.asked.value;
    }
    let end = next - 1;
    while (end > at && bytes[end - 1] === carriageReturn) end -= 1;
    this.#parse(segment, at, end, clock);
    return next;
  }

  /** False if that takes the parser. */
  #answer(asked: number, segment: Segment, from: number, end: number, clock: LogClock): boolean {
    const { memory, places, own } = this.#options;
    const { code } = memory;
    const length = code.askedEnd.value - code.askedFrom.value;
    switch (asked) {
      case question.minute:
        if (clock.read(segment.chunk.bytes, from, end) === undefined) return false;
        this.#tell(clock.minute);
        return true;
      case question.origin: {
        const { lane, place } = readOrigin(memory.asked('utf8'), places);
        memory.answer([length, lane, place?.number ?? 0, place?.relay.salt ?? 0, 0]);
        return true;
      }
      case question.use:
        places.of(code.asker.value).used = true;
        memory.view.setInt32(code.answer.value + isUsedAt, 1, true);
        return true;
      case question.address: {
        const { relay } = places.of(code.asker.value);
        memory.answer([length, relay.salt, own.relayOf(memory.asked('latin1'), relay)?.salt ?? 0]);
        return true;
      }
      default:
        return false;
    }
  }

  #tell(minute: Minute | undefined): void {
    if (minute === this.#told) return;
    this.#told = minute;
    if (minute === undefined) this.#options.memory.forget();
    else this.#options.memory.tell(minute);
  }

  #parse(segment: Segment, from: number, end: number, clock: LogClock): void {
    this.#lines += 1;
    const parsed = parseLine(segment.chunk.bytes.toString('utf8', from, end), clock.context);
    if ('malformed' in parsed) this.malformed += 1;
    if (!('ok' in parsed)) return;
    this.#records += 1;
    clock.saw(parsed.ok.atMicros);
    this.#options.sink.parsed(parsed.ok, from, end);
  }
}
