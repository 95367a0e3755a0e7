import * as z from 'zod';
import { act, backfillRange } from '../wire/orders.ts';
import { selection } from '../wire/selection.ts';
import type { Item, ItemTable, Json, Write } from './item-table.ts';
import { keys, time } from './keys.ts';
import { queryAll } from './relays.ts';

/**
 * What dispatch still has to send, written in the transaction of whatever caused it: no order is lost between a
 * decision and its sending, and none is sent for a decision that was not saved.
 */
export const outboxEntry = z.discriminatedUnion('kind', [
  /** Containments changed: every relay (or one) gets its desired state. */
  z.object({ kind: z.literal('desired'), relay: z.string().optional() }),
  /** One act for an account on every relay (or one). It waits on the relay for the desired state sent before it. */
  z.object({
    kind: z.literal('command'),
    act,
    /** Absent for acts of the relay itself (backfill). */
    account: z.string().optional(),
    relay: z.string().optional(),
    findingId: z.string().optional(),
    selection: selection.optional(),
    backfill: backfillRange.optional(),
    actor: z.string(),
  }),
]);
export type OutboxEntry = z.infer<typeof outboxEntry>;

/** What the world is told of a finding. */
export const findingEvent = z.object({
  finding: z.string(),
  account: z.string(),
  severity: z.string(),
  rule: z.string(),
  response: z.string(),
  state: z.string(),
  /** What happened: opened, escaped, approved, undone, ended. */
  what: z.string(),
  detail: z.string(),
  actor: z.string(),
  /** ms since the epoch, hub time. */
  at: z.int(),
});
export type FindingEvent = z.infer<typeof findingEvent>;

/** Shards keep a storm of findings off one partition. Entries of one account share a shard, so they stay in order. */
export const outboxShards = 4;

export interface Claimed {
  readonly item: Item;
  readonly entries: readonly OutboxEntry[];
}

/** A worker that died leaves its claim to the next one after this long. */
const leaseMs = 30_000;

const body = z.object({ entries: z.array(outboxEntry), claimedUntil: z.int() });

/** The write that queues an announcement. In a partition of its own: a world that does not listen delays no order. */
export function announcementWrite(event: FindingEvent, id: string): Write {
  const put = { pk: keys.announcements, sk: `${time(event.at)}#${id}`, body: event, version: 1 };
  return { put, condition: 'absent' };
}

/** The write that queues entries, in order, as one item. `id` makes a repeated write harmless. */
export function outboxWrite(entries: readonly OutboxEntry[], account: string, nowMs: number, id: string): Write {
  const pk = keys.outbox(shardOf(account));
  return {
    put: { pk, sk: `${time(nowMs)}#${id}`, body: { entries, claimedUntil: 0 } as Json, version: 1 },
    condition: 'absent',
  };
}

export class Outbox {
  readonly #table: ItemTable;

  constructor(table: ItemTable) {
    this.#table = table;
  }

  /** Entries to send, oldest first, each claimed for half a minute so that two workers do not send it twice. */
  async *claim(nowMs: number): AsyncGenerator<Claimed> {
    for (let shard = 0; shard < outboxShards; shard++) {
      for (const item of await queryAll(this.#table, keys.outbox(shard), '', '~')) {
        const parsed = body.parse(item.body);
        const version = item.version ?? 0;
        // What comes after a claimed entry of the shard may be its account's: it waits too.
        if (parsed.claimedUntil > nowMs) break;
        const mine: Item = {
          ...item,
          body: { ...parsed, claimedUntil: nowMs + leaseMs } as Json,
          version: version + 1,
        };
        if (!(await this.#table.put(mine, { version }))) break;
        yield { item: mine, entries: parsed.entries };
      }
    }
  }

  /**
   * Gives up all claims. Only where it is certain that nobody is sending: at the start of a hub, whose killed
   * predecessor would keep a containment waiting for the rest of its lease.
   */
  async releaseClaims(): Promise<void> {
    for (let shard = 0; shard < outboxShards; shard++) {
      for (const item of await queryAll(this.#table, keys.outbox(shard), '', '~')) {
        const version = item.version ?? 0;
        const free: Item = {
          ...item,
          body: { ...body.parse(item.body), claimedUntil: 0 } as Json,
          version: version + 1,
        };
        await this.#table.put(free, { version });
      }
    }
  }

  /** Announcements, oldest first. One is told again until {@link announced}. */
  async announcements(): Promise<{ readonly sk: string; readonly event: FindingEvent }[]> {
    const items = await queryAll(this.#table, keys.announcements, '', '~');
    return items.map(({ sk, body }) => ({ sk, event: findingEvent.parse(body) }));
  }

  async announced(sk: string): Promise<void> {
    await this.#table.delete(keys.announcements, sk);
  }

  async done(claimed: Claimed): Promise<void> {
    await this.#table.delete(claimed.item.pk, claimed.item.sk);
  }

  /** True if something has been waiting since before `ms`. */
  async olderThan(ms: number): Promise<boolean> {
    for (const pk of [...Array.from({ length: outboxShards }, (_, shard) => keys.outbox(shard)), keys.announcements]) {
      const page = await this.#table.query(pk, { to: time(ms), limit: 1 });
      if (page.items.length > 0) return true;
    }
    return false;
  }
}

function shardOf(account: string): number {
  let hash = 0;
  for (const char of account) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return hash % outboxShards;
}
