import type { Deps } from '../deps.ts';
import { expireContainments } from './expire.ts';
import { resendOutbox } from './outbox.ts';
import { silentRelays } from './silent.ts';
import { type Sweep, sweeper } from './sweep.ts';

const sweepsPerMinute = 6;

/** Runs each minute (a minute is the platform's shortest period) and sweeps the fleet every ten seconds. */
export const schedule = (deps: Deps): (() => Promise<void>) => {
  const sweep = sweeper(deps);
  return () => minute(deps, sweep);
};

async function minute(deps: Deps, sweep: Sweep): Promise<void> {
  await expireContainments(deps);
  const offsets = await silentRelays(deps);
  for (let round = 0; round < sweepsPerMinute; round++) {
    if (round > 0) await deps.sleep(60_000 / sweepsPerMinute);
    await resendOutbox(deps);
    await sweep(offsets);
  }
}
