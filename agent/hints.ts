import type { Counters } from './counters.ts';
import type { ExecClient } from './exec-client.ts';
import type { InForce } from './in-force.ts';
import type { Arrival } from './index-records.ts';
import type { IndexStore, QueuedId } from './index-store.ts';
import { type Log, reasonOf } from './log.ts';

/** What a request to exec may carry. */
const maxIdsPerHint = 5_000;
/** Waiting for exec, or for its socket to drain; beyond it the oldest are left to exec's sweep (I11). */
const maxPending = 50_000;
/** Of one account at once: what exec's own sweep has not found long before. */
const maxPerAccount = 100_000;

/** Tells exec which messages of contained accounts are there, so that it need not search the queue for them. */
export class Hints {
  readonly #exec: ExecClient;
  readonly #store: IndexStore;
  readonly #inForce: InForce;
  readonly #counters: Counters;
  readonly #log: Log;
  readonly #pending: Arrival[] = [];
  readonly #streaming = new Set<Promise<void>>();
  #sending: Promise<void> | undefined;

  constructor(parts: { exec: ExecClient; store: IndexStore; inForce: InForce; counters: Counters; log: Log }) {
    this.#exec = parts.exec;
    this.#store = parts.store;
    this.#inForce = parts.inForce;
    this.#counters = parts.counters;
    this.#log = parts.log;
  }

  /** New messages; those of accounts in force go to exec. */
  arrived(arrivals: readonly Arrival[]): void {
    const nowMs = Date.now();
    for (const arrival of arrivals) {
      if (this.#inForce.has(arrival.login, this.#store.rule, nowMs)) this.#pending.push(arrival);
    }
    const surplus = this.#pending.length - maxPending;
    if (surplus > 0) this.#counters.add('hintsDropped', this.#pending.splice(0, surplus).length);
    this.#start();
  }

  /** Exec is there again: what was accepted meanwhile, and what it may have missed. */
  connected(): void {
    for (const account of this.#inForce.accounts(Date.now())) this.account(account, maxIdsPerHint);
    this.#start();
  }

  /** The account's messages, newest first; in the background. */
  account(account: string, limit = maxPerAccount): void {
    const streaming = this.#stream(account, limit)
      .catch((error: unknown) => this.#log.error({ account, reason: reasonOf(error) }, 'hints failed'))
      .finally(() => this.#streaming.delete(streaming));
    this.#streaming.add(streaming);
  }

  async close(): Promise<void> {
    await Promise.all([this.#sending, ...this.#streaming]);
  }

  async #stream(account: string, limit: number): Promise<void> {
    let page: QueuedId[] = [];
    let sent = 0;
    for (const id of this.#store.idsOf(account)) {
      if (sent >= limit) break;
      page.push(id);
      sent += 1;
      if (page.length < maxIdsPerHint) continue;
      if (!(await this.#exec.hint(page, undefined))) return;
      page = [];
    }
    if (page.length > 0) await this.#exec.hint(page, undefined);
    this.#counters.add('idsHinted', sent);
  }

  #start(): void {
    if (this.#pending.length === 0 || !this.#exec.isConnected) return;
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  async #send(): Promise<void> {
    while (this.#pending.length > 0) {
      const login = this.#pending[0]?.login;
      const other = this.#pending.findIndex((arrival) => arrival.login !== login);
      const run = this.#pending.splice(0, Math.min(other < 0 ? this.#pending.length : other, maxIdsPerHint));
      const ids = run.map(({ instance, queueId }): QueuedId => [instance, queueId]);
      if (!(await this.#exec.hint(ids, login))) {
        this.#pending.unshift(...run);
        return;
      }
      this.#counters.add('idsHinted', ids.length);
    }
  }
}
