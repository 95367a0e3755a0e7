import type { Deps } from '../deps.ts';
import { expireContainments } from './expire.ts';
import { resendOutbox } from './outbox.ts';
import { relayStatuses, silentRelays } from './silent.ts';
import { stoppedLines } from './stopped.ts';
import { sweep } from './sweep.ts';

const sweepsPerMinute = 6;

/** Runs each minute (a minute is the platform's shortest period) and sweeps the fleet every ten seconds. */
export const schedule = (deps: Deps) => async (): Promise<void> => {
  await expireContainments(deps);
  const statuses = await relayStatuses(deps);
  silentRelays(deps, statuses);
  await stoppedLines(deps, statuses);
  for (let round = 0; round < sweepsPerMinute; round++) {
    if (round > 0) await deps.sleep(60_000 / sweepsPerMinute);
    await resendOutbox(deps);
    await sweep(deps);
  }
};
