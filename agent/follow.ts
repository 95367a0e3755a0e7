import { parseLine } from '../shared/parse/line.ts';
import { Counters } from './counters.ts';
import { cursorSchema } from './cursor-file.ts';
import { type Arrival, indexRecord } from './index-records.ts';
import type { IndexStore } from './index-store.ts';
import { type Log, reasonOf, Trouble } from './log.ts';
import { Backoff, pause } from './pause.ts';
import { type Chunk, type Cursor, Tail } from './tail.ts';

/**
 * Keeps the local index up with one maillog. It reads the log for itself, apart from the shipper: what the relay knows
 * of its own queue must not wait for a hub that is away. The cursor lies in the same transaction as the rows, so a
 * crash at any point replays and converges.
 */
export class Follower {
  readonly #file: string;
  readonly #zone: string;
  readonly #store: IndexStore;
  readonly #counters: Counters;
  readonly #signal: AbortSignal;
  readonly #trouble: Trouble;
  readonly #tail: Tail;
  readonly #onArrivals: (arrivals: readonly Arrival[]) => void;

  constructor(options: {
    file: string;
    zone: string;
    store: IndexStore;
    counters: Counters;
    log: Log;
    signal: AbortSignal;
    onArrivals: (arrivals: readonly Arrival[]) => void;
  }) {
    this.#file = options.file;
    this.#zone = options.zone;
    this.#store = options.store;
    this.#counters = options.counters;
    this.#signal = options.signal;
    this.#onArrivals = options.onArrivals;
    this.#trouble = new Trouble(options.log, `indexing ${options.file}`);
    // The shipper counts the lines read; here they are counted by kind.
    this.#tail = new Tail({ file: this.#file, cursor: this.#kept(), log: options.log, counters: new Counters() });
  }

  /** Until the signal. */
  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      const chunk = await this.#tail.next(1_000, this.#signal);
      if (chunk !== undefined) await this.#take(chunk);
    }
    await this.#tail.close();
  }

  /** Not one chunk is passed over: while it cannot be written (full disk) nothing further is read. */
  async #take(chunk: Chunk): Promise<void> {
    const backoff = new Backoff();
    while (!this.#signal.aborted) {
      try {
        this.#onArrivals(this.#index(chunk));
        this.#trouble.over();
        return;
      } catch (error) {
        this.#trouble.says(reasonOf(error));
        await pause(backoff.nextMs(), this.#signal);
      }
    }
  }

  #index(chunk: Chunk): Arrival[] {
    const context = { zone: this.#zone, nearMicros: Date.now() * 1_000 };
    const counts = new Map<string, number>();
    const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
    const arrivals = this.#store.transaction(() => {
      const arrived: Arrival[] = [];
      for (const line of chunk.lines) {
        const parsed = parseLine(line.text, context);
        if ('ok' in parsed) {
          count(`parsed.${parsed.ok.kind}`);
          const arrival = indexRecord(this.#store, parsed.ok);
          if (arrival !== undefined) arrived.push(arrival);
        } else count('ignored' in parsed ? `ignored.${parsed.ignored}` : 'malformed');
      }
      counts.set('indexForgotten', this.#store.prune());
      this.#store.setCursor(this.#file, chunk.cursor);
      return arrived;
    });
    for (const [name, by] of counts) this.#counters.add(name, by);
    this.#counters.set('indexRows', this.#store.rows);
    return arrivals;
  }

  #kept(): Cursor | undefined {
    const parsed = cursorSchema.safeParse(this.#store.cursor(this.#file));
    return parsed.success ? parsed.data : undefined;
  }
}
