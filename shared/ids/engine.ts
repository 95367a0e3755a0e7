import { factOf } from '../correlate/collect.ts';
import type { Fact } from '../correlate/facts.ts';
import type { OwnHost } from '../correlate/links.ts';
import { isMessage, type Message } from '../correlate/lives.ts';
import { isQueueId } from '../parse/queue-id.ts';
import type { LogRecord } from '../parse/record.ts';
import type { LogClock } from './clock.ts';
import { decideAll, isPrinted } from './ending.ts';
import { type IdAt, type LaneSink, Lanes } from './lanes.ts';
import { Links, ownedOf } from './links.ts';
import { type Place, Places, type Relay } from './place.ts';
import { addFact, Remembered, relayHash, type Spill } from './remembered.ts';
import { type IdRow, rowOf } from './row.ts';
import { keyOf, TraceTable } from './table.ts';
import { hashOfText } from './texts.ts';
import { hashText, Trace } from './trace.ts';

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
const none: readonly number[] = [];
/** Beyond these, the oldest leave memory early. */
const maxTraces = 80_000;

export interface IdsOptions {
  readonly ownHost: OwnHost;
  /**
   * When a life's row comes: once it is known to be a message; at its end (what has no end: at the end of input); or at
   * the end of input and only if it has no end.
   */
  readonly rows: 'known' | 'ended' | 'open';
  /** Rows count outcomes. */
  readonly outcomes: boolean;
  readonly spill: Spill;
  readonly row: (row: IdRow) => void;
}

/**
 * The queue IDs of accounts, from the bytes of logs, while they are read. Rows are what the core's `attribute` says of
 * the union of all lines; memory is bounded, because a trace leaves it (for `Spill`) when log time has passed it.
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
  readonly #table = new TraceTable();
  readonly #lanes: Lanes;
  readonly #links: Links;
  readonly #remembered: Remembered;
  /** Whether an address as seen from a relay is ours. */
  readonly #own = new Map<string, boolean>();

  constructor(options: IdsOptions) {
    this.#options = options;
    this.#lanes = new Lanes(this, this.#places, options.outcomes);
    this.#remembered = new Remembered(options.spill);
    this.#links = new Links(this.#table, this.#places, options.ownHost, (relayName, queueId) =>
      this.#remembered.has(relayHash(this.#places.relay(relayName).number, queueId)),
    );
  }

  /** Relays and instances met so far. */
  get places(): readonly Place[] {
    return this.#places.all;
  }

  /** As `Lanes.read`. */
  read(bytes: Buffer, from: number, end: number, clock: LogClock, untilMicros: number): number {
    const next = this.#lanes.read(bytes, from, end, clock, untilMicros);
    for (const relay of this.#places.relays.values()) this.#advance(relay, relay.watermark);
    if (this.#table.size > maxTraces) this.#relieve();
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
    for (const relay of relays) this.#links.decide(relay, Number.POSITIVE_INFINITY, (child) => this.#show(child));
    for (const relay of relays) this.#retireAll(relay);
    decideAll(this.#remembered.read(this.#places), this.#options);
  }

  accepted(bytes: Buffer, id: IdAt, atMicros: number, client: string, login: string | undefined): void {
    this.#passed(id.place.relay, atMicros);
    const trace = this.#traceAt(bytes, id, atMicros);
    if (trace === undefined) return;
    trace.addAccepted(atMicros, client, login, undefined);
    if (trace.settled || trace.long) this.#show(trace);
  }

  messageId(bytes: Buffer, id: IdAt, atMicros: number, hash: number): void {
    this.#passed(id.place.relay, atMicros);
    this.#traceAt(bytes, id, atMicros)?.addMessageId(atMicros, hash);
  }

  queued(bytes: Buffer, id: IdAt, atMicros: number, senderFrom: number, senderEnd: number): void {
    this.#passed(id.place.relay, atMicros);
    const trace = this.#traceAt(bytes, id, atMicros);
    if (trace === undefined) return;
    trace.addQueued(atMicros, bytes.toString('utf8', senderFrom, senderEnd));
    if (trace.settled || trace.long) this.#show(trace);
  }

  removed(bytes: Buffer, id: IdAt, atMicros: number): void {
    this.#passed(id.place.relay, atMicros);
    this.#traceAt(bytes, id, atMicros)?.addEnded(atMicros);
  }

  delivered(bytes: Buffer, id: IdAt, atMicros: number): boolean {
    const trace = this.#table.find(bytes, id.from, id.end, id.hash, id.place);
    if (trace === undefined || trace.queuedAt < 0) return false;
    trace.addTried(atMicros);
    return true;
  }

  isOwn(address: string, place: Place): boolean {
    const key = `${place.relay.name} ${address}`;
    let own = this.#own.get(key);
    if (own === undefined) {
      own = this.#options.ownHost(address, place.relay.name) !== undefined;
      if (this.#own.size > 10_000) this.#own.clear();
      this.#own.set(key, own);
    }
    return own;
  }

  parsed(record: LogRecord): void {
    const stated = factOf(record, (text) => hashText(hashOfText(text)));
    if (stated === undefined) return;
    const { queueId, fact } = stated;
    const place = this.#places.at(record.host, record.instance);
    this.#passed(place.relay, fact.atMicros);
    const trace = this.#table.findText(queueId, place) ?? this.#create(place, queueId, fact.atMicros);
    this.#add(trace, fact);
    if (trace.settled || trace.long) this.#show(trace);
  }

  #add(trace: Trace, fact: Fact): void {
    const dueAtMicros = fact.atMicros + settleMicros;
    if (fact.kind === 'outcome') {
      const { child } = fact;
      const linked = child !== undefined && this.isOwn(child.address, trace.place);
      if (linked) this.#links.claimedChild(trace, child, dueAtMicros);
      if (linked || this.#options.outcomes) trace.addOutcome(fact);
      else trace.addTried(fact.atMicros);
      return;
    }
    addFact(trace, fact);
    if (fact.kind === 'accepted' && fact.login === undefined && fact.origQueueId !== undefined)
      this.#links.claimedParent(trace, fact.origQueueId, fact.client, dueAtMicros);
    if (fact.kind === 'picked' && fact.origId !== undefined)
      this.#links.claimedParent(trace, fact.origId, undefined, dueAtMicros);
  }

  #traceAt(bytes: Buffer, id: IdAt, atMicros: number): Trace | undefined {
    const known = this.#table.find(bytes, id.from, id.end, id.hash, id.place);
    if (known !== undefined) return known;
    const queueId = bytes.toString('latin1', id.from, id.end);
    return isQueueId(queueId) ? this.#create(id.place, queueId, atMicros, keyOf(id.hash, id.place)) : undefined;
  }

  #create(place: Place, queueId: string, atMicros: number, hash?: number): Trace {
    const trace = new Trace(place, queueId, hash ?? this.#table.keyOf(queueId, place), atMicros);
    const { relay } = place;
    trace.late = atMicros + restartMicros < relay.newest;
    place.used = true;
    this.#table.add(trace);
    relay.fresh.push(trace);
    return trace;
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
    if (ahead < 0) {
      relay.newest = Math.max(relay.newest, relay.watermark);
      this.#settleDue(relay, Number.POSITIVE_INFINITY);
      this.#retireAll(relay);
    }
    relay.watermark = atMicros;
  }

  /** Does what is due on a relay when its log time is `now`. */
  #advance(relay: Relay, now: number): void {
    this.#settleDue(relay, now);
    this.#links.decide(relay, now, (child) => this.#show(child));
    for (let trace = relay.settled.first(); trace !== undefined; trace = relay.settled.first()) {
      if (trace.lastAt + keepMicros > now) break;
      relay.settled.shift();
      if (trace.endedAt < 0 && trace.queuedAt >= 0 && this.#table.size < maxTraces / 2) relay.open.push(trace);
      else this.#retire(trace);
    }
  }

  #settleDue(relay: Relay, now: number): void {
    for (let trace = relay.fresh.first(); trace !== undefined; trace = relay.fresh.first()) {
      if ((trace.startAt < 0 ? trace.lastAt : trace.startAt) + settleMicros > now) break;
      relay.fresh.shift();
      this.#settle(trace);
    }
  }

  #settle(trace: Trace): void {
    trace.settled = true;
    trace.place.relay.settled.push(trace);
    this.#show(trace);
  }

  /** Gives memory back: first what is done, then what waits, then what is new. */
  #relieve(): void {
    for (const relay of this.#places.relays.values()) {
      const enough = (): boolean => this.#table.size <= maxTraces * 0.75;
      while (!enough() && relay.settled.size > 0) this.#retire(relay.settled.shift());
      while (!enough() && relay.open.size > 0) this.#retire(relay.open.shift());
      while (!enough() && relay.fresh.size > 0) {
        const trace = relay.fresh.shift();
        if (trace !== undefined) this.#settle(trace);
        this.#retire(relay.settled.shift());
      }
    }
  }

  #retireAll(relay: Relay): void {
    this.#advance(relay, Number.POSITIVE_INFINITY);
    for (let trace = relay.open.shift(); trace !== undefined; trace = relay.open.shift()) this.#retire(trace);
  }

  /** Out of memory, to be remembered. */
  #retire(trace: Trace | undefined): void {
    if (trace === undefined || trace.gone) return;
    if (this.#options.rows === 'ended') this.#showEnded(trace);
    this.#links.forget(trace);
    this.#table.remove(trace);
    trace.gone = true;
    const hash = relayHash(trace.place.relay.number, trace.queueId);
    this.#remembered.add(trace, hash, this.#linksOf(trace), this.#isQuestion(trace, hash));
  }

  /** Hashes of the IDs that a trace claims to be linked to. */
  #linksOf(trace: Trace): readonly number[] {
    if (trace.outcomes === undefined && trace.origQueueId === undefined && !trace.odd) return none;
    const here = trace.place.relay.name;
    const links: number[] = [];
    const link = (relayName: string | undefined, queueId: string | undefined): void => {
      if (relayName === undefined || queueId === undefined) return;
      links.push(relayHash(this.#places.relay(relayName).number, queueId));
    };
    for (const { outcomes, origId, origQueueId, client } of trace.lives()) {
      for (const { child } of outcomes) {
        if (child !== undefined) link(this.#options.ownHost(child.address, here), child.queueId);
      }
      if (origId !== undefined) link(here, origId);
      else if (client !== undefined) link(this.#options.ownHost(client, here), origQueueId);
    }
    return links;
  }

  /** Whether a trace has to be looked at again at the end. */
  #isQuestion(trace: Trace, hash: number): boolean {
    if (trace.openClaims > 0) return true;
    // Lines without the acceptance that they belong to; or a second look at what was seen.
    const headless = trace.startAt < 0 && !(trace.more?.some((fact) => fact.kind === 'picked') ?? false);
    return headless || (trace.late && this.#remembered.has(hash)) || this.#unshown(trace);
  }

  /** Whether a row of this trace may still be due. */
  #unshown(trace: Trace): boolean {
    if (!trace.named && trace.owned === undefined) return false;
    const { rows } = this.#options;
    if (trace.simple) return trace.printed === undefined && !(rows === 'open' && trace.endedAt >= 0);
    return trace
      .lives()
      .some(
        (life) =>
          loginOf(trace, life) !== undefined &&
          !isPrinted(trace.printed, life) &&
          !(rows === 'open' && life.removedAtMicros !== undefined),
      );
  }

  /** Prints the rows of a trace that are certain by now. */
  #show(trace: Trace): void {
    if (this.#options.rows !== 'known' || (trace.login === undefined && trace.owned === undefined && !trace.named))
      return;
    if (trace.late && this.#remembered.has(relayHash(trace.place.relay.number, trace.queueId))) return;
    if (trace.simple) {
      if (trace.printed !== undefined || !trace.exists) return;
      // A hold is logged before qmgr has told the sender.
      if (trace.queuedAt < 0 && !trace.settled) return;
      const owner = trace.owned?.[0]?.login;
      const login = trace.login ?? owner;
      if (login === undefined) return;
      const { place, queueId, sender, client, beginning } = trace;
      trace.printed = [beginning];
      this.#options.row({
        relay: place.relay.name,
        instance: place.instance,
        queueId,
        login,
        acceptedAtMicros: beginning,
        attribution: trace.login === undefined ? 'derived' : 'direct',
        sender,
        client,
      });
      return;
    }
    if (trace.settled) for (const life of trace.lives()) this.#showLife(trace, life);
  }

  /** Prints the lives that are over, with their outcomes. */
  #showEnded(trace: Trace): void {
    if (!trace.named && trace.owned === undefined) return;
    if (trace.late && this.#remembered.has(relayHash(trace.place.relay.number, trace.queueId))) return;
    for (const life of trace.lives()) if (life.removedAtMicros !== undefined) this.#showLife(trace, life);
  }

  #showLife(trace: Trace, life: Message): void {
    const login = loginOf(trace, life);
    if (login === undefined || !isMessage(life) || isPrinted(trace.printed, life)) return;
    trace.printed ??= [];
    trace.printed.push(life.acceptedAtMicros);
    this.#options.row(rowOf(life, login, this.#options.outcomes));
  }
}

function loginOf(trace: Trace, life: Message): string | undefined {
  return life.login ?? ownedOf(trace.owned, life)?.login;
}
