import type { Part } from '../correlate/facts.ts';
import { packPart, unpackPart } from '../parts/pack.ts';
import type { ItemTable } from './item-table.ts';
import { hourMs, keys, time } from './keys.ts';
import { RecentParts } from './recent-parts.ts';

/** Bounces come after five days; three more for what arrives late. */
export const retentionMs = 8 * 24 * hourMs;

/** A part is stored a moment after it was sent, and half a minute after it where its first attempt failed. */
const lateMs = 40_000;

/** How far back a process keeps what it read: a little more than the longest window. */
const keptMs = 15 * 60_000;

/** A part under its key: the same key is the same part. */
export interface StoredPart {
  readonly key: string;
  readonly part: Part;
}

/** When a part's message was sent, ms since the epoch: its key begins with it. */
export function sentAtOf(key: string): number {
  return Number(key.slice(0, key.indexOf('#')));
}

/**
 * How much is read: what may have come since this process last looked; everything, because what was stored much later
 * than it was sent shows only so; or nothing, where this process has just looked.
 */
export type Reading = 'new' | 'all' | 'none';

/**
 * Parts: one immutable item per batch of lines, under (relay, UTC hour of the message's SentTimestamp). A batch that
 * arrives twice lands on its own key, and stored elsewhere it adds nothing to the union (I2).
 *
 * Parts never change, so a process keeps what it read of the last minutes and asks only for what is new since: without
 * that a burst would be read again with each of its packs (I10).
 */
export class PartStore {
  readonly #table: ItemTable;
  readonly #recent = new RecentParts();

  constructor(table: ItemTable) {
    this.#table = table;
  }

  async put(part: Part, sentAt: number, bodyHash: string): Promise<void> {
    const pk = keys.part(part.relay, Math.floor(sentAt / hourMs));
    const expiresAtSeconds = Math.ceil((sentAt + retentionMs) / 1000);
    const sk = keys.partSort(sentAt, bodyHash);
    await this.#table.put({ pk, sk, body: packPart(part), expiresAtSeconds }, 'absent');
  }

  /**
   * A relay's parts sent within [fromMs, toMs], oldest first. `toMs` MUST NOT lie in the future: what is not there yet
   * would count as known.
   */
  async between(relay: string, fromMs: number, toMs: number, reading: Reading = 'new'): Promise<StoredPart[]> {
    const known = reading === 'all' ? undefined : this.#recent.covering(relay, fromMs);
    const found = new Map<string, Uint8Array>(known?.parts);
    if (reading !== 'none' || known === undefined || known.toMs < toMs) {
      const from = known === undefined ? fromMs : Math.max(fromMs, known.toMs - lateMs);
      const read = new Map<string, Uint8Array>();
      for (let hour = Math.floor(from / hourMs); hour <= Math.floor(toMs / hourMs); hour++) {
        for await (const [key, bytes] of this.#hour(relay, hour, time(from), `${time(toMs)}~`)) read.set(key, bytes);
      }
      for (const [key, bytes] of read) found.set(key, bytes);
      this.#recent.learn(relay, from, toMs, read);
      this.#recent.forget(relay, toMs - keptMs);
    }
    const [first, last] = [time(fromMs), `${time(toMs)}~`];
    return [...found]
      .filter(([key]) => key >= first && key <= last)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, bytes]) => ({ key, part: this.#recent.decoded(relay, key, () => unpackPart(bytes)) }));
  }

  async *#hour(relay: string, hour: number, from: string, to: string): AsyncGenerator<[string, Uint8Array]> {
    const pk = keys.part(relay, hour);
    let after: string | undefined;
    do {
      const page = await this.#table.query(pk, { from, to, limit: 500, ...(after !== undefined && { after }) });
      for (const { sk, body } of page.items) if (body instanceof Uint8Array) yield [sk, body];
      after = page.next;
    } while (after !== undefined);
  }
}
