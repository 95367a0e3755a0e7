import type { Deps } from '../deps.ts';
import { clockOffsetMicros } from '../relay-clock.ts';
import { ChainMemory } from './chain-memory.ts';
import { expireContainments } from './expire.ts';
import { resendOutbox } from './outbox.ts';
import { relayStatuses, silentRelays } from './silent.ts';
import { stoppedLines } from './stopped.ts';
import { type Sweep, sweeper } from './sweep.ts';

const sweepsPerMinute = 6;

/** Runs each minute (a minute is the platform's shortest period) and sweeps the fleet every ten seconds. */
export const schedule = (deps: Deps): (() => Promise<void>) => {
  const chains = new ChainMemory(deps);
  const sweep = sweeper(deps, chains);
  return () => minute(deps, chains, sweep);
};

async function minute(deps: Deps, chains: ChainMemory, sweep: Sweep): Promise<void> {
  await expireContainments(deps);
  const statuses = await relayStatuses(deps);
  silentRelays(deps, statuses);
  await stoppedLines(deps, chains, statuses);
  const offsets = new Map([...statuses].map(([relay, status]) => [relay, clockOffsetMicros(status)]));
  for (let round = 0; round < sweepsPerMinute; round++) {
    if (round > 0) await deps.sleep(60_000 / sweepsPerMinute);
    await resendOutbox(deps);
    await sweep(offsets);
  }
}
