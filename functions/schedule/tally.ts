import { canonicalAccount } from '../../shared/account/account.ts';
import type { StoredPart } from '../../shared/store/parts.ts';
import type { Deps } from '../deps.ts';

const minuteMicros = 60_000_000;

/** What one sweep saw of an account for the first time. */
export interface Fresh {
  readonly logins: Set<string>;
  /** Relay → log time (µs) of its newest message, by its own clock. */
  readonly newestMicros: Map<string, number>;
}

interface Account {
  /** Minute (µs / 60 s, hub's clock) → messages. */
  readonly minutes: Map<number, number>;
  /** Where they came in: whose parts a recount reads. */
  readonly relays: Set<string>;
}

/**
 * How many messages each account had in each of the last minutes, over the whole fleet. Kept in memory alone: it only
 * raises suspicion, the recount from parts decides, and a process that starts reads those of the window again. Written
 * down it would be the largest bill of all, for it changes with every mail.
 */
export class Tally {
  readonly #accounts = new Map<string, Account>();
  /** Relay → keys of the parts that are counted already. */
  readonly #counted = new Map<string, Set<string>>();

  /**
   * Counts what is new among a relay's parts of the window.
   * @param offsetMicros how far the relay's clock is ahead
   * @returns the parts that are new
   */
  add(
    deps: Deps,
    relay: string,
    parts: readonly StoredPart[],
    offsetMicros: number,
    fresh: Map<string, Fresh>,
  ): StoredPart[] {
    const added: StoredPart[] = [];
    const before = this.#counted.get(relay) ?? new Set();
    // Parts that left the window are not asked about again.
    this.#counted.set(relay, new Set(parts.map(({ key }) => key)));
    for (const { key, part } of parts) {
      if (before.has(key)) continue;
      added.push({ key, part });
      for (const { facts } of part.traces) {
        for (const fact of facts) {
          if ((fact.kind !== 'accepted' && fact.kind !== 'proxied') || fact.login === undefined) continue;
          const account = canonicalAccount(fact.login, deps.accountRule);
          if (account === undefined) continue;
          const seen = fresh.get(account) ?? { logins: new Set(), newestMicros: new Map() };
          seen.logins.add(fact.login);
          seen.newestMicros.set(relay, Math.max(seen.newestMicros.get(relay) ?? 0, fact.atMicros));
          fresh.set(account, seen);
          this.#count(account, relay, Math.floor((fact.atMicros - offsetMicros) / minuteMicros));
        }
      }
    }
    return added;
  }

  #count(account: string, relay: string, minute: number): void {
    const known = this.#accounts.get(account) ?? { minutes: new Map(), relays: new Set() };
    known.minutes.set(minute, (known.minutes.get(minute) ?? 0) + 1);
    known.relays.add(relay);
    this.#accounts.set(account, known);
  }

  /** Lets go of minutes before `oldestMicros`. */
  forget(oldestMicros: number): void {
    const oldestMinute = oldestMicros / minuteMicros;
    for (const [account, { minutes }] of this.#accounts) {
      for (const minute of minutes.keys()) if (minute < oldestMinute) minutes.delete(minute);
      if (minutes.size === 0) this.#accounts.delete(account);
    }
  }

  /** Messages of an account within the window, and on which relays. */
  of(account: string): { readonly messages: number; readonly relays: ReadonlySet<string> } {
    const known = this.#accounts.get(account);
    const counts = known === undefined ? [] : [...known.minutes.values()];
    return { messages: counts.reduce((sum, count) => sum + count, 0), relays: known?.relays ?? new Set() };
  }
}
