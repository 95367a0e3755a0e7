import { factOf } from '../correlate/collect.ts';
import type { Fact } from '../correlate/facts.ts';
import type { OwnHost } from '../correlate/links.ts';
import type { LogRecord } from '../parse/record.ts';
import type { LogClock } from './clock.ts';
import { at, flag } from './columns.ts';
import { decideAll } from './ending.ts';
import { type IdAt, type LaneSink, Lanes } from './lanes.ts';
import { Links } from './links.ts';
import { OwnAddresses } from './own-addresses.ts';
import { type Place, Places, type Relay } from './place.ts';
import { isIdAt } from './plain-id.ts';
import { Printer, type RowSink, type RowsWhen } from './printer.ts';
import { Remembered, relayHash, relayHashOf, type Spill } from './remembered.ts';
import { hashText, Traces } from './traces.ts';
import { type Chunk, chunkOf, hashOfText } from './words.ts';

const minuteMicros = 60_000_000;
/** Lines may stand this much out of order, in log time: then what is settled is what the core would say at the end. */
const settleMicros = 6 * minuteMicros;
/** How long a trace stays in memory after its last line. */
const keepMicros = 2 * settleMicros;
/** A relay's log time that falls back further begins another run of lines: an older file, or a clock set back. */
const restartMicros = 30 * minuteMicros;
/** And one that jumps ahead further is not believed at once. */
const strayMicros = 24 * 60 * minuteMicros;
const manyStrays = 20;
/** Beyond these, the oldest leave memory early. */
const maxTraces = 80_000;
const none: readonly number[] = [];

export interface IdsOptions {
  readonly ownHost: OwnHost;
  readonly rows: RowsWhen;
  /** Rows count outcomes. */
  readonly outcomes: boolean;
  readonly spill: Spill;
  readonly sink: RowSink;
}

/**
 * The queue IDs of accounts, from the bytes of logs, while they are read. Rows are what the core's `attribute` says of
 * the union of all lines; memory is bounded while lines come, because a trace leaves it (for `Spill`) when log time has
 * passed it. The join at the end is not: it holds all that is still in question.
 *
 * A trace's way: fresh → settled (log time passed its beginning by `settleMicros`: its rows are certain) → remembered
 * (`keepMicros` after its last line, or when memory is short). A long ID names one message for ever, so its row need
 * not wait for that. Links are decided `settleMicros` after they were logged. What could not be decided is decided at
 * the end over what was remembered.
 *
 * Each relay has its own log time. Where it falls back by half an hour, all of that relay's traces are remembered, and
 * the older lines are read as a run of their own, in which a row comes only if no trace of that ID was remembered.
 */
export class IdsEngine implements LaneSink {
  readonly #options: IdsOptions;
  readonly #places = new Places();
  readonly #traces = new Traces(maxTraces);
  readonly #lanes: Lanes;
  readonly #links: Links;
  readonly #remembered: Remembered;
  readonly #printer: Printer;
  readonly #own: OwnAddresses;

  constructor(options: IdsOptions) {
    this.#options = options;
    this.#own = new OwnAddresses(options.ownHost);
    this.#lanes = new Lanes(this, this.#places, options.outcomes);
    this.#remembered = new Remembered(options.spill, this.#traces);
    this.#links = new Links(this.#traces, this.#places, options.ownHost, (relayName, queueId) =>
      this.#remembered.has(relayHash(this.#places.relay(relayName).number, queueId)),
    );
    this.#printer = new Printer(this.#traces, this.#remembered, options);
  }

  /** Relays and instances met so far. */
  get places(): readonly Place[] {
    return this.#places.all;
  }

  /** As `Lanes.read`. */
  read(bytes: Buffer, from: number, end: number, clock: LogClock, untilMicros: number): number {
    const next = this.#lanes.read(bytes, from, end, clock, untilMicros);
    for (const relay of this.#places.relays.values()) this.#advance(relay, relay.watermark);
    return next;
  }

  /** Prints what is known to be a message without waiting for lines that might come late: nothing comes at present. */
  flush(): void {
    for (const relay of this.#places.relays.values()) this.#advance(relay, relay.watermark + settleMicros);
  }

  /** The end of input: decides all that is open. */
  end(): void {
    const relays = [...this.#places.relays.values()];
    // Links go from relay to relay: none leaves memory before all are decided.
    for (const relay of relays) this.#settleDue(relay, Number.POSITIVE_INFINITY);
    for (const relay of relays)
      this.#links.decide(relay, Number.POSITIVE_INFINITY, (child) => this.#printer.show(child));
    for (const relay of relays) this.#retireAll(relay);
    decideAll(this.#remembered.read(this.#places), this.#options);
  }

  accepted(
    chunk: Chunk,
    id: IdAt,
    atMicros: number,
    clientFrom: number,
    clientEnd: number,
    loginFrom: number,
    loginEnd: number,
  ): boolean {
    const slot = this.#slotAt(chunk, id, atMicros);
    if (slot < 0) return false;
    this.#traces.addAccepted(slot, atMicros, chunk, clientFrom, clientEnd, loginFrom, loginEnd);
    if (this.#traces.columns.is(slot, flag.settled | flag.long)) this.#printer.show(slot);
    return true;
  }

  messageId(chunk: Chunk, id: IdAt, atMicros: number, hash: number): boolean {
    const slot = this.#slotAt(chunk, id, atMicros);
    if (slot < 0) return false;
    this.#traces.addMessageId(slot, atMicros, hash);
    return true;
  }

  queued(chunk: Chunk, id: IdAt, atMicros: number, senderFrom: number, senderEnd: number): boolean {
    const slot = this.#slotAt(chunk, id, atMicros);
    if (slot < 0) return false;
    this.#traces.addQueued(slot, atMicros, chunk, senderFrom, senderEnd);
    if (this.#traces.columns.is(slot, flag.settled | flag.long)) this.#printer.show(slot);
    return true;
  }

  removed(chunk: Chunk, id: IdAt, atMicros: number): boolean {
    const slot = this.#slotAt(chunk, id, atMicros);
    if (slot < 0) return false;
    this.#traces.addEnded(slot, atMicros);
    return true;
  }

  delivered(chunk: Chunk, id: IdAt, atMicros: number): boolean {
    const slot = this.#traces.columns.find(chunk.view, id.from, id.end, id.hash, id.place);
    if (slot < 0 || this.#traces.columns.time(slot, at.queued) < 0) return false;
    this.#traces.addTried(slot, atMicros);
    return true;
  }

  isOwn(chunk: Chunk, from: number, end: number, place: Place): boolean {
    return this.#own.isOwn(chunk, from, end, place.relay);
  }

  parsed(record: LogRecord): void {
    const stated = factOf(record, (messageId) => hashText(hashOfText(messageId)));
    if (stated === undefined) return;
    const { queueId, fact } = stated;
    const chunk = chunkOf(Buffer.from(queueId));
    const place = this.#places.at(record.host, record.instance);
    const id = { place, from: 0, end: chunk.bytes.length, hash: hashOfText(queueId) };
    const slot = this.#slotAt(chunk, id, fact.atMicros);
    if (slot < 0) return;
    this.#add(slot, fact);
    if (this.#traces.columns.is(slot, flag.settled | flag.long)) this.#printer.show(slot);
  }

  #add(slot: number, fact: Fact): void {
    const dueAtMicros = fact.atMicros + settleMicros;
    if (fact.kind === 'outcome') {
      const { child } = fact;
      const here = this.#traces.columns.placeOf(slot).relay.name;
      const linked = child !== undefined && this.#options.ownHost(child.address, here) !== undefined;
      if (linked || this.#options.outcomes) this.#traces.addOutcome(slot, fact);
      else this.#traces.addTried(slot, fact.atMicros);
      if (linked) this.#links.claimedChild(slot, child, dueAtMicros);
      return;
    }
    this.#traces.add(slot, fact);
    if (fact.kind === 'accepted' && fact.login === undefined && fact.origQueueId !== undefined)
      this.#links.claimedParent(slot, fact.origQueueId, fact.client, dueAtMicros);
    if (fact.kind === 'picked' && fact.origId !== undefined)
      this.#links.claimedParent(slot, fact.origId, undefined, dueAtMicros);
  }

  /** The slot of an ID, a new one if need be; moves log time on. -1 for what is no queue ID. */
  #slotAt(chunk: Chunk, id: IdAt, atMicros: number): number {
    const { place } = id;
    this.#passed(place.relay, atMicros);
    const known = this.#traces.columns.find(chunk.view, id.from, id.end, id.hash, place);
    if (known >= 0) return known;
    if (!isIdAt(chunk, id.from, id.end)) return -1;
    const { columns } = this.#traces;
    if (columns.size >= columns.capacity) this.#relieve();
    const slot = columns.create(chunk.view, id.from, id.end, id.hash, place, atMicros);
    if (atMicros + restartMicros < place.relay.newest) columns.mark(slot, flag.late);
    place.used = true;
    place.relay.fresh.push(slot);
    return slot;
  }

  /** Moves a relay's log time on. */
  #passed(relay: Relay, atMicros: number): void {
    const ahead = atMicros - relay.watermark;
    if (ahead <= 0 ? ahead >= -restartMicros : ahead < strayMicros || relay.watermark < 0) {
      relay.strays = 0;
      if (ahead > 0) relay.watermark = atMicros;
      return;
    }
    relay.strays += 1;
    if (relay.strays < manyStrays) return;
    relay.strays = 0;
    relay.newest = Math.max(relay.newest, relay.watermark);
    if (ahead < 0) this.#retireAll(relay);
    relay.watermark = atMicros;
  }

  /** Does what is due on a relay when its log time is `now`. */
  #advance(relay: Relay, now: number): void {
    const { columns } = this.#traces;
    this.#settleDue(relay, now);
    this.#links.decide(relay, now, (child) => this.#printer.show(child));
    for (let slot = relay.settled.first(); slot !== undefined; slot = relay.settled.first()) {
      if (columns.time(slot, at.last) + keepMicros > now) break;
      relay.settled.shift();
      const isOpen = columns.time(slot, at.ended) < 0 && columns.time(slot, at.queued) >= 0;
      if (isOpen && relay.open.size < columns.capacity / 2) relay.open.push(slot);
      else this.#retire(slot);
    }
  }

  #settleDue(relay: Relay, now: number): void {
    const { columns } = this.#traces;
    for (let slot = relay.fresh.first(); slot !== undefined; slot = relay.fresh.first()) {
      const start = columns.time(slot, at.start);
      if ((start < 0 ? columns.time(slot, at.last) : start) + settleMicros > now) break;
      relay.fresh.shift();
      this.#settle(slot);
    }
  }

  #settle(slot: number): void {
    const { columns } = this.#traces;
    columns.mark(slot, flag.settled);
    columns.placeOf(slot).relay.settled.push(slot);
    this.#printer.show(slot);
  }

  /** Gives memory back: first what is done, then what waits, then what is new. */
  #relieve(): void {
    const enough = this.#traces.columns.capacity * 0.75;
    for (const relay of this.#places.relays.values()) {
      const { settled, open, fresh } = relay;
      while (this.#traces.columns.size > enough && settled.size > 0) this.#retire(settled.shift());
      while (this.#traces.columns.size > enough && open.size > 0) this.#retire(open.shift());
      while (this.#traces.columns.size > enough && fresh.size > 0) {
        const slot = fresh.shift();
        if (slot !== undefined) this.#settle(slot);
        this.#retire(settled.shift());
      }
    }
  }

  #retireAll(relay: Relay): void {
    this.#advance(relay, Number.POSITIVE_INFINITY);
    for (let slot = relay.open.shift(); slot !== undefined; slot = relay.open.shift()) this.#retire(slot);
  }

  /** Out of memory, to be remembered. */
  #retire(slot: number | undefined): void {
    if (slot === undefined) return;
    const { columns } = this.#traces;
    this.#printer.showEnded(slot);
    this.#links.forget(slot);
    const hash = relayHashOf(columns.placeOf(slot).relay.number, columns.idHashOf(slot));
    this.#remembered.add(slot, hash, this.#linksOf(slot), this.#isQuestion(slot, hash));
    columns.remove(slot);
  }

  /** Hashes of the IDs that a trace claims to be linked to. */
  #linksOf(slot: number): readonly number[] {
    if (this.#traces.columns.side(slot) === undefined) return none;
    const here = this.#traces.columns.placeOf(slot).relay.name;
    const links: number[] = [];
    const link = (relayName: string | undefined, queueId: string | undefined): void => {
      if (relayName === undefined || queueId === undefined) return;
      links.push(relayHash(this.#places.relay(relayName).number, queueId));
    };
    for (const { outcomes, origId, origQueueId, client } of this.#traces.lives(slot)) {
      for (const { child } of outcomes) {
        if (child !== undefined) link(this.#options.ownHost(child.address, here), child.queueId);
      }
      if (origId !== undefined) link(here, origId);
      else if (client !== undefined) link(this.#options.ownHost(client, here), origQueueId);
    }
    return links;
  }

  /** Whether a trace has to be looked at again at the end. */
  #isQuestion(slot: number, hash: number): boolean {
    const { columns } = this.#traces;
    if ((columns.side(slot)?.openClaims ?? 0) > 0) return true;
    // Lines without the start that they belong to; or a second look at what was seen.
    if (!this.#traces.hasStart(slot) || (columns.is(slot, flag.late) && this.#remembered.has(hash))) return true;
    return this.#printer.isDue(slot);
  }
}
