import type { RelayStatus } from '../../shared/store/relays.ts';
import type { Deps } from '../deps.ts';
import { sideBySide } from '../side-by-side.ts';

const silentMs = 3 * 60_000;

/** The last heartbeat of each relay that was ever heard. */
export async function relayStatuses(deps: Deps): Promise<ReadonlyMap<string, RelayStatus>> {
  const statuses = new Map<string, RelayStatus>();
  await sideBySide(await deps.relays.list(), async ({ relay }) => {
    const status = await deps.relays.status(relay).catch((error: unknown) => {
      // The others' are needed all the same.
      deps.log.error({ relay, error: String(error) }, 'the last heartbeat of a relay could not be read');
      return undefined;
    });
    if (status !== undefined) statuses.set(relay, status);
  });
  return statuses;
}

export function isSilent({ heardAt }: RelayStatus, nowMs: number): boolean {
  return nowMs - heardAt > silentMs;
}

/** Relays that were heard of once and no more: their agent or their line is down, and nobody watches their mail. */
export function silentRelays(deps: Deps, statuses: ReadonlyMap<string, RelayStatus>): void {
  const now = deps.nowMs();
  let silent = 0;
  for (const [relay, status] of statuses) {
    if (!isSilent(status, now)) continue;
    silent += 1;
    deps.log.error({ relay, silentSeconds: Math.round((now - status.heardAt) / 1000) }, 'a relay is silent');
  }
  // Zero too: an alarm ends when it is told so.
  deps.count('relaysSilent', silent);
}
