import { type Log, reasonOf } from '../log.ts';
import type { Postfix } from './postfix.ts';

const retryMillis = 10_000;

/** Keeps every instance's access map at what is wanted now; what cannot be written is retried, and said in proofs. */
export class MapKeeper {
  readonly #postfix: Postfix;
  readonly #log: Log;
  readonly #wanted: () => ReadonlyMap<string, string>;
  readonly #written = new Map<string, string>();
  readonly #faults = new Map<string, string>();
  #lane: Promise<unknown> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(postfix: Postfix, log: Log, wanted: () => ReadonlyMap<string, string>) {
    this.#postfix = postfix;
    this.#log = log;
    this.#wanted = wanted;
  }

  /** Instances whose map is not what it should be, with the reason. */
  get faults(): readonly string[] {
    return [...this.#faults].map(([instance, reason]) => `access map of ${instance}: ${reason}`);
  }

  /** Brings every map up to date. @returns whether any changed; never rejects */
  update(): Promise<boolean> {
    const run = this.#lane.then(() => this.#writeAll());
    this.#lane = run;
    return run;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    await this.#lane;
  }

  async #writeAll(): Promise<boolean> {
    let isChanged = false;
    for (const instance of this.#postfix.instances) {
      const entries = this.#wanted();
      const text = JSON.stringify([...entries]);
      if (this.#written.get(instance) === text) continue;
      try {
        await this.#postfix.writeMap(instance, entries);
        this.#written.set(instance, text);
        this.#faults.delete(instance);
        isChanged = true;
      } catch (error) {
        this.#written.delete(instance);
        this.#faults.set(instance, reasonOf(error));
        this.#log.error({ instance, reason: reasonOf(error) }, 'access map not written; trying on');
      }
    }
    clearTimeout(this.#retry);
    if (this.#faults.size > 0 && !this.#isClosed) this.#retry = setTimeout(() => void this.update(), retryMillis);
    return isChanged;
  }
}
