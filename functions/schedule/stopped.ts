import { hasStopped, noteSize } from '../../shared/chain/stopped.ts';
import { chainShardOf, chainsOf, isFollowed } from '../../shared/store/chains.ts';
import type { RelayStatus } from '../../shared/store/relays.ts';
import type { Deps } from '../deps.ts';
import type { ChainMemory } from './chain-memory.ts';
import { isSilent } from './silent.ts';

/**
 * Relays whose log grows, as their heartbeats say, while its lines do not arrive: their shipper is down, or its queue
 * refuses what it sends. A relay that is silent altogether is told of as that.
 */
export async function stoppedLines(
  deps: Deps,
  memory: ChainMemory,
  statuses: ReadonlyMap<string, RelayStatus>,
): Promise<void> {
  const now = deps.nowMs();
  let stopped = 0;
  for (const [shard, relays] of Map.groupBy(statuses.keys(), chainShardOf)) {
    const chains = await memory.read(shard);
    const before = JSON.stringify(chains);
    for (const relay of relays) {
      const status = statuses.get(relay);
      if (status === undefined || isSilent(status, now)) continue;
      let isStopped = false;
      for (const { file, bytes } of status.heartbeat.maillogs ?? []) {
        if (!isFollowed(file)) continue;
        const files = chainsOf(chains, relay);
        const chain = files[file] ?? { generations: [], heardAt: 0 };
        noteSize(chain, bytes, now);
        // What never fell behind needs no entry.
        if (chain.behindSince !== undefined) chains[relay] = { ...files, [file]: chain };
        if (!hasStopped(chain, now)) continue;
        isStopped = true;
        const heardSecondsAgo = chain.heardAt === 0 ? undefined : Math.round((now - chain.heardAt) / 1000);
        deps.log.error({ relay, file, bytes, heardSecondsAgo }, 'lines of a relay do not arrive, though its log grows');
      }
      if (isStopped) stopped += 1;
    }
    // Whoever asks for a relay's state reads it in the table.
    if (JSON.stringify(chains) !== before) await memory.keep(shard, chains, [], true);
  }
  deps.count('relaysLinesStopped', stopped);
}
