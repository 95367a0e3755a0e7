import type { Part } from '../correlate/facts.ts';
import { packPart, unpackPart } from '../parts/pack.ts';
import type { ItemTable } from './item-table.ts';
import { hourMs, keys, time } from './keys.ts';

/** Bounces come after five days; three more for what arrives late. */
export const retentionMs = 8 * 24 * hourMs;

/**
 * Parts: one immutable item per batch of lines, under (relay, UTC hour of the message's SentTimestamp). A batch that
 * arrives twice lands on its own key, and stored elsewhere it adds nothing to the union (I2).
 */
export class PartStore {
  readonly #table: ItemTable;
  /** Parts never change, so a warm process need not read one twice. Bounded; oldest out. */
  readonly #cache = new Map<string, Part>();

  constructor(table: ItemTable) {
    this.#table = table;
  }

  async put(part: Part, sentAt: number, bodyHash: string): Promise<void> {
    const pk = keys.part(part.relay, Math.floor(sentAt / hourMs));
    const sk = keys.partSort(sentAt, bodyHash);
    const expiresAtSeconds = Math.ceil((sentAt + retentionMs) / 1000);
    await this.#table.put({ pk, sk, body: packPart(part), expiresAtSeconds }, 'absent');
    this.#remember(`${pk}\0${sk}`, part);
  }

  /** A relay's parts sent within [fromMs, toMs], newest first. */
  async *newestFirst(relay: string, fromMs: number, toMs: number): AsyncGenerator<Part> {
    for (let hour = Math.floor(toMs / hourMs); hour >= Math.floor(fromMs / hourMs); hour--) {
      yield* this.#hour(relay, hour, { from: time(fromMs), to: `${time(toMs)}~`, reverse: true });
    }
  }

  /**
   * What arrived after a cursor, oldest first, and the cursor to go on from. The cursor is (hour, sort key); parts are
   * stored under their SentTimestamp, so one that was stored late sorts behind it: the caller looks a little back.
   */
  async since(relay: string, fromMs: number, toMs: number): Promise<Part[]> {
    const parts: Part[] = [];
    for await (const part of this.newestFirst(relay, fromMs, toMs)) parts.push(part);
    return parts.reverse();
  }

  async *#hour(
    relay: string,
    hour: number,
    range: { from: string; to: string; reverse: boolean },
  ): AsyncGenerator<Part> {
    const pk = keys.part(relay, hour);
    let after: string | undefined;
    do {
      const page = await this.#table.query(pk, { ...range, limit: 100, ...(after !== undefined && { after }) });
      for (const { sk, body } of page.items) {
        if (body instanceof Uint8Array)
          yield this.#cache.get(`${pk}\0${sk}`) ?? this.#remember(`${pk}\0${sk}`, unpackPart(body));
      }
      after = page.next;
    } while (after !== undefined);
  }

  #remember(key: string, part: Part): Part {
    this.#cache.set(key, part);
    const oldest = this.#cache.keys().next().value;
    if (this.#cache.size > 500 && oldest !== undefined) this.#cache.delete(oldest);
    return part;
  }
}
