import type { Deps } from '../deps.ts';

const silentMs = 3 * 60_000;

/** Relays that were heard of once and no more: their agent or their line is down, and nobody watches their mail. */
export async function silentRelays(deps: Deps): Promise<void> {
  const now = deps.nowMs();
  let silent = 0;
  for (const { relay } of await deps.relays.list()) {
    const status = await deps.relays.status(relay);
    if (status !== undefined && now - status.heardAt > silentMs) {
      silent += 1;
      deps.log.error({ relay, silentSeconds: Math.round((now - status.heardAt) / 1000) }, 'a relay is silent');
    }
  }
  // Zero too: an alarm ends when it is told so.
  deps.count('relaysSilent', silent);
}
