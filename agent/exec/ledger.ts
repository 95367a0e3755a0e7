import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import type { EffectCounts } from '../../shared/wire/events.ts';
import type { DesiredOrder, Order } from '../../shared/wire/orders.ts';
import { type Log, reasonOf } from '../log.ts';
import { addCounts } from './effect-counts.ts';
import { type ClockReading, HubClock } from './hub-clock.ts';
import { Journal } from './journal.ts';
import { type Batch, type LedgerEntry, ledgerEntry, type OpenBatch, type Outcome } from './ledger-entry.ts';
import type { HintedSession } from './protocol.ts';

/**
 * What exec must remember across `kill -9`: which orders it answers for, how far they got, and the marks that keep a
 * replayed or outdated order out (I5). Every change is a journal line first; a start replays the lines.
 *
 * An order's moves: accepted → (began → did)* → ended → acked. A command between `began` and `did` has perhaps
 * touched the batch: the files themselves tell.
 */
export interface OrderRecord {
  readonly order: Order;
  /** The id of the request that brought it last; answers go under it. */
  id: string;
  /** SHA-256 of the signed bytes. */
  readonly hash: string;
  readonly sessions: readonly HintedSession[];
  counts: EffectCounts;
  outcome?: Outcome;
  acked: boolean;
}

/** Bounds (I11). An order is at most 256 KB. */
const compactBytes = 8 * 1024 * 1024;
const maxJournalBytes = 128 * 1024 * 1024;
const maxAnsweredCommands = 100;
const maxNumberMarks = 50_000;
const hourMillis = 3_600_000;

/** Key of batches that the desired state holds by itself. */
export const standing = 'standing';

export class Ledger {
  readonly clock: HubClock;
  readonly #journal: Journal;
  readonly #log: Log;
  readonly #orders = new Map<string, OrderRecord>();
  readonly #numbers = new Map<string, number>();
  readonly #batches = new Map<string, OpenBatch>();
  #recentMillis: number[] = [];
  #numberFloor = 0;
  #generation = 0;
  #inForce: readonly DesiredOrder[] = [];
  #compactAtBytes = compactBytes;
  /** Something happened that is not in the journal yet. */
  #isBehind = false;

  private constructor(journal: Journal, entries: readonly LedgerEntry[], log: Log) {
    this.#journal = journal;
    this.#log = log;
    this.clock = new HubClock(lastClock(entries));
    for (const entry of entries) this.#apply(entry);
  }

  /** @throws Error naming file and line if the journal cannot be read */
  static open(directory: string, log: Log): Ledger {
    const path = join(directory, 'journal.ndjson');
    const { journal, lines } = Journal.open(path);
    const entries = lines.map((line, index) => {
      const parsed = ledgerEntry.safeParse(line);
      if (!parsed.success) throw new Error(`${path}:${index + 1}: ${z.prettifyError(parsed.error)}`);
      return parsed.data;
    });
    return new Ledger(journal, entries, log);
  }

  /** @throws Error if it cannot be made durable: the order is then not accepted */
  accept(id: string, order: Order, hash: string, sessions: readonly HintedSession[]): OrderRecord {
    if (this.#journal.bytes > maxJournalBytes) throw new Error('the journal is full');
    this.clock.witness(order.issuedAt);
    const kept = sessions.length > 0 ? { sessions: [...sessions] } : {};
    this.#write({ t: 'accepted', id, hash, order, ...kept, clock: this.clock.reading() });
    const record = this.#orders.get(order.jti);
    if (record === undefined) throw new Error(`order ${order.jti} was not recorded`);
    return record;
  }

  /** Before an effect; ends with {@link did}. */
  began(jti: string, batch: Batch): OpenBatch {
    const key = randomUUID();
    this.#write({ t: 'began', key, jti, batch });
    return { key, jti, batch };
  }

  did({ key, jti }: OpenBatch, counts: EffectCounts): void {
    this.#note({ t: 'did', key, jti, counts });
  }

  end(jti: string, outcome: Outcome): void {
    this.#note({ t: 'ended', jti, outcome });
  }

  /** The answer sent under this id is shipped. Unknown ids are nothing: acknowledgements may repeat. */
  acknowledge(id: string): void {
    for (const [jti, record] of [...this.#orders]) {
      if (record.id === id && record.outcome !== undefined && !record.acked) this.#note({ t: 'acked', jti });
    }
  }

  /** A containment ended at the hub time of now: it must not come back with a reboot. */
  witnessEnd(): void {
    this.#note({ t: 'clock', clock: this.clock.reading() });
  }

  order(jti: string): OrderRecord | undefined {
    return this.#orders.get(jti);
  }

  /** In the order of acceptance. */
  unfinished(): OrderRecord[] {
    return [...this.#orders.values()].filter((record) => record.outcome === undefined);
  }

  unacknowledged(): OrderRecord[] {
    return [...this.#orders.values()].filter((record) => record.outcome !== undefined && !record.acked);
  }

  /** Number of the last command accepted for an account (`''`: the relay itself). */
  lastNumber(account: string): number {
    return this.#numbers.get(account) ?? this.#numberFloor;
  }

  /** The highest generation accepted, be it complete or not; 0 before the first. */
  get generation(): number {
    return this.#generation;
  }

  /** The pieces of a generation that are there. */
  pieces(generation: number): DesiredOrder[] {
    return [...this.#orders.values()]
      .flatMap(({ order }) => (order.kind === 'desired' && order.generation === generation ? [order] : []))
      .sort((a, b) => a.piece.index - b.piece.index);
  }

  /** The newest complete generation; empty before the first. */
  get inForce(): readonly DesiredOrder[] {
    return this.#inForce;
  }

  commandsWithinHour(): number {
    const since = this.clock.reading().monotonicMillis - hourMillis;
    return this.#recentMillis.filter((at) => at > since).length;
  }

  /** What a kill left undecided; the files themselves tell. */
  openBatches(): readonly OpenBatch[] {
    return [...this.#batches.values()];
  }

  close(): void {
    this.#journal.close();
  }

  /** What must be durable before we go on. @throws Error */
  #write(entry: LedgerEntry): void {
    if (this.#isBehind || this.#journal.bytes > this.#compactAtBytes) this.#compact();
    this.#journal.append(entry);
    this.#apply(entry);
  }

  /**
   * What has happened already: true whether or not it can be written (disk full). Should we be killed before the next
   * write makes up for it, the order runs again and finds nothing left to do.
   */
  #note(entry: LedgerEntry): void {
    try {
      this.#write(entry);
    } catch (error) {
      if (!this.#isBehind) this.#log.error({ reason: reasonOf(error) }, 'the journal cannot be written');
      this.#isBehind = true;
      this.#apply(entry);
    }
  }

  #apply(entry: LedgerEntry): void {
    switch (entry.t) {
      case 'accepted':
        this.#applyAccepted(entry);
        return;
      case 'began':
        this.#batches.set(entry.key, { key: entry.key, jti: entry.jti, batch: entry.batch });
        return;
      case 'did': {
        this.#batches.delete(entry.key);
        const record = this.#orders.get(entry.jti);
        if (record !== undefined) record.counts = addCounts(record.counts, entry.counts);
        return;
      }
      case 'ended': {
        const record = this.#orders.get(entry.jti);
        if (record !== undefined) record.outcome = entry.outcome;
        return;
      }
      case 'acked': {
        const record = this.#orders.get(entry.jti);
        if (record !== undefined) record.acked = true;
        this.#forget();
        return;
      }
      case 'clock':
        return;
      case 'marks':
        this.#generation = entry.generation;
        this.#numberFloor = entry.numberFloor;
        this.#recentMillis = this.clock.isOfThisBoot(entry.clock) ? [...entry.recentMillis] : [];
        this.#numbers.clear();
        for (const [account, number] of entry.numbers) this.#numbers.set(account, number);
        return;
    }
  }

  #applyAccepted({ id, hash, order, sessions, clock }: Extract<LedgerEntry, { t: 'accepted' }>): void {
    this.#orders.set(order.jti, { id, hash, order, sessions: sessions ?? [], counts: {}, acked: false });
    if (order.kind === 'desired') {
      this.#generation = Math.max(this.#generation, order.generation);
      const pieces = this.pieces(order.generation);
      if (pieces.length === order.piece.count) this.#inForce = pieces;
      return;
    }
    const key = order.account ?? '';
    this.#numbers.delete(key);
    this.#numbers.set(key, order.number);
    this.#boundNumbers();
    if (this.clock.isOfThisBoot(clock)) {
      const since = clock.monotonicMillis - hourMillis;
      this.#recentMillis = [...this.#recentMillis.filter((at) => at > since), clock.monotonicMillis];
    }
  }

  /** Numbers are at least hub time in ms, so a common floor for forgotten accounts keeps no new one out. */
  #boundNumbers(): void {
    if (this.#numbers.size <= maxNumberMarks) return;
    const [oldest] = this.#numbers;
    if (oldest === undefined) return;
    this.#numbers.delete(oldest[0]);
    this.#numberFloor = Math.max(this.#numberFloor, oldest[1]);
  }

  /**
   * Answered commands are kept a while, so that a repetition gets the same answer; after that their number keeps it
   * out. Desired states are kept while they are the newest or in force.
   */
  #forget(): void {
    const now = this.clock.now();
    const answered = [...this.#orders].filter(([, { acked }]) => acked);
    const commands = answered.filter(([, { order }]) => order.kind === 'command');
    const surplus = new Set(commands.slice(0, -maxAnsweredCommands).map(([jti]) => jti));
    for (const [jti, { order }] of answered) {
      const isStale =
        order.kind === 'command'
          ? surplus.has(jti) || order.notAfter < now
          : order.generation !== this.#generation && order.generation !== this.#inForce[0]?.generation;
      if (isStale) this.#orders.delete(jti);
    }
  }

  #compact(): void {
    this.#forget();
    const clock = this.clock.reading();
    const lines: LedgerEntry[] = [];
    for (const [jti, record] of this.#orders) {
      const { id, hash, order, counts, outcome, acked } = record;
      const sessions = outcome === undefined ? { sessions: [...record.sessions] } : {};
      lines.push({ t: 'accepted', id, hash, order, ...sessions, clock });
      if (Object.keys(counts).length > 0) lines.push({ t: 'did', key: '', jti, counts });
      if (outcome !== undefined) lines.push({ t: 'ended', jti, outcome });
      if (acked) lines.push({ t: 'acked', jti });
    }
    for (const { key, jti, batch } of this.#batches.values()) lines.push({ t: 'began', key, jti, batch });
    // Last, because it sets right what the orders above said again.
    lines.push({
      t: 'marks',
      clock,
      generation: this.#generation,
      numbers: [...this.#numbers],
      numberFloor: this.#numberFloor,
      recentMillis: this.#recentMillis,
    });
    this.#journal.rewrite(lines);
    this.#isBehind = false;
    this.#compactAtBytes = Math.min(Math.max(compactBytes, this.#journal.bytes * 2), maxJournalBytes);
  }
}

function lastClock(entries: readonly LedgerEntry[]): ClockReading | undefined {
  return entries.flatMap((entry) => ('clock' in entry ? [entry.clock] : [])).at(-1);
}
