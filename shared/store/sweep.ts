import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as z from 'zod';
import { accountKey } from '../account/account.ts';
import { ChainStore } from './chains.ts';
import type { ItemTable } from './item-table.ts';
import { keys } from './keys.ts';

/**
 * The sweep's own memory: how many messages each account had in each of the last minutes, over the whole fleet. It
 * only raises suspicion (the recount from parts decides), so it may count a part twice after a crash. In shards by
 * account, so that no item grows with the fleet.
 */
export interface SweepShard {
  readonly accounts: Map<string, SweepCounts>;
}

export interface SweepCounts {
  /** Minute (µs / 60 s) → messages. */
  readonly minutes: Map<number, number>;
  /** Where they came in: whose parts a recount reads. */
  readonly relays: Set<string>;
}

export const sweepShards = 16;

const stored = z.record(z.string(), z.tuple([z.array(z.tuple([z.int(), z.int()])), z.array(z.string())]));
/** Relay → time (ms) up to which its parts were seen. */
const cursors = z.record(z.string(), z.int());

export class SweepStore {
  readonly #table: ItemTable;
  readonly chains: ChainStore;

  constructor(table: ItemTable) {
    this.#table = table;
    this.chains = new ChainStore(table);
  }

  async cursors(): Promise<Record<string, number>> {
    const item = await this.#table.get(keys.sweep, 'cursors');
    return item === undefined ? {} : cursors.parse(item.body);
  }

  async saveCursors(body: Record<string, number>): Promise<void> {
    await this.#table.put({ pk: keys.sweep, sk: 'cursors', body });
  }

  async shard(index: number): Promise<SweepShard> {
    const item = await this.#table.get(keys.sweep, `shard#${index}`);
    if (!(item?.body instanceof Uint8Array)) return { accounts: new Map() };
    const parsed = stored.parse(JSON.parse(zstdDecompressSync(item.body).toString('utf8')));
    const accounts = Object.entries(parsed).map(
      ([account, [minutes, relays]]) => [account, { minutes: new Map(minutes), relays: new Set(relays) }] as const,
    );
    return { accounts: new Map(accounts) };
  }

  async saveShard(index: number, shard: SweepShard): Promise<void> {
    const plain = Object.fromEntries(
      [...shard.accounts].map(([account, { minutes, relays }]) => [account, [[...minutes], [...relays]]]),
    );
    await this.#table.put({ pk: keys.sweep, sk: `shard#${index}`, body: zstdCompressSync(JSON.stringify(plain)) });
  }
}

export function sweepShardOf(account: string): number {
  let hash = 0;
  for (const char of accountKey(account)) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return hash % sweepShards;
}
