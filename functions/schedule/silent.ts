import type { Deps } from '../deps.ts';
import { clockOffsetMicros } from '../relay-clock.ts';

const silentMs = 3 * 60_000;

/**
 * Looks at each relay's last heartbeat. One that was heard of once and no more is silent: its agent or its line is down,
 * and nobody watches its mail.
 * @returns relay → how far its clock is ahead, in µs
 */
export async function silentRelays(deps: Deps): Promise<Map<string, number>> {
  const now = deps.nowMs();
  const offsets = new Map<string, number>();
  let silent = 0;
  for (const { relay } of await deps.relays.list()) {
    const status = await deps.relays.status(relay);
    offsets.set(relay, clockOffsetMicros(status));
    if (status !== undefined && now - status.heardAt > silentMs) {
      silent += 1;
      deps.log.error({ relay, silentSeconds: Math.round((now - status.heardAt) / 1000) }, 'a relay is silent');
    }
  }
  // Zero too: an alarm ends when it is told so.
  deps.count('relaysSilent', silent);
  return offsets;
}
