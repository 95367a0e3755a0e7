import { factOf } from '../correlate/collect.ts';
import { attribute, type OwnHost } from '../correlate/links.ts';
import { isMessage } from '../correlate/message.ts';
import { parseLine } from '../parse/line.ts';
import type { LogRecord } from '../parse/record.ts';
import { childOf, namerOf, parentsOf } from './claims.ts';
import type { LogClock } from './clock.ts';
import { Chains } from './closure.ts';
import { keyOf } from './key.ts';
import * as kind from './kind.ts';
import { SiftMemory } from './memory.ts';
import type { OwnAddresses } from './own-addresses.ts';
import type { Places } from './place.ts';
import type { Printed } from './printed.ts';
import { type IdRow, rowOf } from './row.ts';
import { memoryOf, Segment } from './segment.ts';
import { type RecordSink, Sifter } from './sift.ts';

const newline = 10;

interface Options {
  readonly ownHost: OwnHost;
  readonly rows: 'known' | 'ended' | 'open';
  readonly outcomes: boolean;
  readonly places: Places;
  readonly own: OwnAddresses;
  readonly printed: Printed;
  readonly print: (row: IdRow) => void;
  readonly segmentBytes: number;
}

/**
 * What the window could not tell: links to mail that was gone by then, lines of a part of the log that was read before.
 * The log is read again for those IDs and for all that they are linked to, until no more IDs come in; then the core
 * judges over all their lines at once. They are few, and mostly none.
 */
export class SecondReading implements RecordSink {
  readonly #options: Options;
  /** First halves of keys: one too many does no harm. */
  readonly #asked = new Set<number>();
  #chains: Chains;
  /** Lines on their way through, and what finds them. */
  #lines: { readonly segment: Segment; readonly sifter: Sifter } | undefined;
  /** Entries of those lines that were looked at. */
  #lookedAt = 0;
  #zone = 'UTC';
  #askedBefore = 0;

  constructor(options: Options) {
    this.#options = options;
    this.#chains = new Chains(options.places);
  }

  /** Takes an ID; `one`: of its key. */
  ask(one: number): void {
    this.#asked.add(one);
  }

  /** Whether all lines have to be read (again). Forgets what was read. */
  begin(): boolean {
    if (this.#asked.size === this.#askedBefore) return false;
    this.#askedBefore = this.#asked.size;
    this.#chains = new Chains(this.#options.places);
    return true;
  }

  /** As `IdsEngine.read`. */
  read(bytes: Buffer, from: number, end: number, clock: LogClock, untilMicros: number): number {
    this.#lines ??= this.#newLines();
    const { segment, sifter } = this.#lines;
    this.#zone = clock.context.zone;
    let at = from;
    while (at < end) {
      segment.clear();
      this.#lookedAt = 0;
      const length = segment.put(bytes, at, end);
      if (length === 0) {
        const lineEnd = bytes.indexOf(newline, at);
        if (lineEnd < 0 || lineEnd >= end) break;
        // Longer than a segment.
        at = lineEnd + 1;
        continue;
      }
      const read = sifter.read(segment, 0, length, clock, untilMicros);
      this.#look(segment);
      at += read;
      if (read < length) break;
    }
    return at;
  }

  leftOut(): void {
    // It was counted when it was read first.
  }

  /** Prints the rows that are not out yet, in the order of acceptance. */
  end(): void {
    const { ownHost, rows, outcomes, places, printed, print } = this.#options;
    if (this.#asked.size === 0) return;
    const isPrinted = printed.of(this.#asked);
    attribute(this.#chains.messages(), ownHost)
      .filter(({ message }) => isMessage(message) && (rows !== 'open' || message.removedAtMicros === undefined))
      .filter(({ message: { relay, instance, queueId, acceptedAtMicros } }) => {
        const { one } = keyOf(queueId, places.relay(relay));
        return this.#asked.has(one) && !isPrinted(one, places.at(relay, instance).number, acceptedAtMicros);
      })
      .sort((a, b) => a.message.acceptedAtMicros - b.message.acceptedAtMicros)
      .forEach(({ message, login }) => {
        print(rowOf(message, login, outcomes));
      });
  }

  parsed(record: LogRecord): void {
    // Lines before this one come first.
    if (this.#lines !== undefined) this.#look(this.#lines.segment);
    const stated = factOf(record, String);
    if (stated === undefined) return;
    const { places, own } = this.#options;
    const place = places.at(record.host, record.instance);
    this.#askIfMadeFromAsked(record);
    if (this.#asked.has(keyOf(stated.queueId, place.relay).one)) this.#add(record, record.atMicros);
    const child = childOf(stated.fact, place, own);
    if (child !== undefined && this.#asked.has(child.one)) this.#askFor(record);
  }

  #newLines(): { segment: Segment; sifter: Sifter } {
    const { places, own, segmentBytes } = this.#options;
    const memory = new SiftMemory(memoryOf(segmentBytes));
    const sifter = new Sifter({ memory, places, own, events: [], sink: this });
    return { segment: new Segment(memory, segmentBytes), sifter };
  }

  /** Looks at the entries that came in. */
  #look(segment: Segment): void {
    for (; this.#lookedAt < segment.count; this.#lookedAt++) this.#saw(segment, this.#lookedAt);
  }

  #saw(segment: Segment, entry: number): void {
    const [what, one, nearMicros] = [segment.kind(entry), segment.one(entry), segment.atMicros(entry)];
    // Only the line itself tells which parent it names.
    if (!this.#asked.has(one) && what !== kind.forwarded) return;
    const parsed = parseLine(segment.textOf(entry), { zone: this.#zone, nearMicros });
    if (!('ok' in parsed)) return;
    if (what === kind.named) {
      this.#askFor(parsed.ok);
      return;
    }
    this.#askIfMadeFromAsked(parsed.ok);
    if (this.#asked.has(one)) this.#add(parsed.ok, nearMicros);
  }

  /** A line that names its parent, which is in question: so is its own ID. */
  #askIfMadeFromAsked(record: LogRecord): void {
    const stated = factOf(record, String);
    if (stated === undefined) return;
    const place = this.#options.places.at(record.host, record.instance);
    if (parentsOf(stated.fact, place, this.#options.own).some(({ one }) => this.#asked.has(one)))
      this.ask(keyOf(stated.queueId, place.relay).one);
  }

  /** A line that names an ID in question: whose line it is is a question too. */
  #askFor(record: LogRecord): void {
    const namer = namerOf(record, this.#options.places.relay(record.host));
    if (namer !== undefined) this.ask(namer.one);
  }

  /** Adds a line about an ID in question, and asks for the IDs that it is linked to, upward and downward. */
  #add(record: LogRecord, atMicros: number): void {
    const { places, own } = this.#options;
    const stated = this.#chains.add(record, atMicros);
    if (stated === undefined) return;
    const place = places.at(record.host, record.instance);
    for (const { one } of parentsOf(stated.fact, place, own)) this.ask(one);
    const child = childOf(stated.fact, place, own);
    if (child !== undefined) this.ask(child.one);
  }
}
