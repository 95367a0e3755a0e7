import type { RelayStatus } from '../shared/store/relays.ts';
import type { Deps } from './deps.ts';

/** Smaller differences are the queue's own delay, and matter to no window. */
const tolerableMs = 2_000;

/** How far the relay's clock is ahead of the hub's, in µs (behind: negative), as of its last heartbeat. */
export function clockOffsetMicros(status: RelayStatus | undefined): number {
  const offsetMs = status?.clockOffsetMs ?? 0;
  return Math.abs(offsetMs) <= tolerableMs ? 0 : offsetMs * 1000;
}

/**
 * Relay → how far its clock is ahead, in µs. Log lines bear the relay's own time: windows over several relays, or
 * beside what the hub did, want one clock. Identities keep the relay's own (I3): queue IDs and queue files are made by it.
 */
export async function clockOffsets(deps: Deps, relays: Iterable<string>): Promise<Map<string, number>> {
  const offsets = new Map<string, number>();
  for (const relay of relays) offsets.set(relay, clockOffsetMicros(await deps.relays.status(relay)));
  return offsets;
}
