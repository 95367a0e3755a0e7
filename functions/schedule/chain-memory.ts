import type { Chains } from '../../shared/store/chains.ts';
import type { Write } from '../../shared/store/item-table.ts';
import type { Deps } from '../deps.ts';

/** Each sweep moves every chain's end; saved as seldom as this, since a process that starts joins the last parts again. */
const unsavedMs = 60_000;

interface Known {
  readonly chains: Chains;
  readonly version: number;
  readonly savedAt: number;
}

/** The offset chains as this process keeps them between its sweeps. One process sweeps; a second one is noticed. */
export class ChainMemory {
  readonly #deps: Deps;
  readonly #shards = new Map<number, Known>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** A shard's chains, to be changed at will: only {@link keep} leaves a trace. */
  async read(shard: number): Promise<Chains> {
    const known = this.#shards.get(shard) ?? { ...(await this.#deps.chains.shard(shard)), savedAt: 0 };
    this.#shards.set(shard, known);
    return structuredClone(known.chains);
  }

  /**
   * @param caused saved with the chains, at once, in one transaction
   * @param isNews true to save at once also where nothing is caused
   * @returns false if somebody else saved meanwhile: read again
   */
  async keep(shard: number, chains: Chains, caused: readonly Write[], isNews: boolean): Promise<boolean> {
    const { version, savedAt } = this.#shards.get(shard) ?? { version: 0, savedAt: 0 };
    const now = this.#deps.nowMs();
    if (caused.length === 0 && !isNews && now - savedAt < unsavedMs) {
      this.#shards.set(shard, { chains, version, savedAt });
      return true;
    }
    const saved = await this.#deps.chains.save(shard, chains, version, caused);
    if (saved) this.#shards.set(shard, { chains, version: version + 1, savedAt: now });
    else this.forget(shard);
    return saved;
  }

  forget(shard: number): void {
    this.#shards.delete(shard);
  }
}
