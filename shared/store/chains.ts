import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as z from 'zod';
import { fileChain } from '../chain/chain.ts';
import type { ItemTable, Write } from './item-table.ts';
import { keys } from './keys.ts';

/** The chains of some relays: relay → file → chain. */
const chains = z.record(z.string(), z.record(z.string(), fileChain));
export type Chains = z.infer<typeof chains>;

/** A relay's chains by file. Only its own: a relay may be called as what every object has. */
export function chainsOf(all: Chains, relay: string): Chains[string] {
  return (Object.hasOwn(all, relay) ? all[relay] : undefined) ?? {};
}

/** A maillog's path is shorter; a longer one only fills the item. What every object has is no path either. */
const maxFileLength = 255;

export function isFollowed(file: string): boolean {
  return file.length <= maxFileLength && !(file in {});
}

/** At a thousand relays some thirty share an item of a few KB; one that is hostile can make it 40 KB larger. */
export const chainShards = 32;

/**
 * The offset chains of all relays, as the sweep keeps them. It reads each part once anyway, so what is written follows
 * the sweeps, not the packs (I10). Times that a killed sweep did not save are seen again by the next one.
 */
export class ChainStore {
  readonly #table: ItemTable;

  constructor(table: ItemTable) {
    this.#table = table;
  }

  async shard(index: number): Promise<{ readonly chains: Chains; readonly version: number }> {
    const item = await this.#table.get(keys.chains, `shard#${index}`);
    if (!(item?.body instanceof Uint8Array)) return { chains: {}, version: item?.version ?? 0 };
    const json: unknown = JSON.parse(zstdDecompressSync(item.body).toString('utf8'));
    return { chains: chains.parse(json), version: item.version ?? 0 };
  }

  /** With what it causes, in one transaction. False if another sweep saved meanwhile: read again. */
  save(index: number, body: Chains, version: number, caused: readonly Write[]): Promise<boolean> {
    const put = {
      pk: keys.chains,
      sk: `shard#${index}`,
      body: zstdCompressSync(JSON.stringify(body)),
      version: version + 1,
    };
    const condition = version === 0 ? 'absent' : { version };
    return caused.length === 0
      ? this.#table.put(put, condition)
      : this.#table.transact([{ put, condition }, ...caused]);
  }
}

export function chainShardOf(relay: string): number {
  let hash = 0;
  for (const char of relay) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return hash % chainShards;
}
