import { desiredDigest } from '../../shared/wire/digest.ts';
import type { HeartbeatMessage } from '../../shared/wire/events.ts';
import { type Deps, nudge } from '../deps.ts';
import { desiredEntries } from '../dispatch/desired.ts';

/** Clocks further apart than this raise an alarm: windows and expiries would be wrong. */
const maxClockOffsetMs = 60_000;
/** A state that was just sent may not be in force yet. */
const settlingMs = 20_000;

/**
 * Keeps a relay's newest state. Where the desired state in force there differs from ours (it was away, reinstalled, or
 * a message was lost), it is sent again: the relay converges without a hand (I5).
 */
export async function recordHeartbeat(deps: Deps, heartbeat: HeartbeatMessage, sentAt: number): Promise<void> {
  const now = deps.nowMs();
  const known = await deps.relays.status(heartbeat.relay);
  // Queues may reorder: an older heartbeat tells nothing any more.
  if (known !== undefined && known.heardAt > sentAt) return;
  const clockOffsetMs = heartbeat.at - sentAt;
  if (Math.abs(clockOffsetMs) > maxClockOffsetMs) {
    deps.count('relaysClockOff');
    deps.log.error({ relay: heartbeat.relay, clockOffsetMs }, 'the clock of a relay is more than a minute off');
  }
  await deps.relays.saveStatus(heartbeat.relay, { heardAt: sentAt, clockOffsetMs, heartbeat });

  const { issued } = await deps.relays.issued(heartbeat.relay);
  const wanted = desiredDigest(await desiredEntries(deps), deps.accountRule);
  const never = issued.generation === 0 && heartbeat.desired.generation === 0 && heartbeat.desired.digest === '';
  if (heartbeat.desired.digest === wanted || now - issued.sentAt < settlingMs) return;
  const empty = desiredDigest([], deps.accountRule);
  if (never && wanted === empty) return;
  await deps.findings.writeOutbox([{ kind: 'desired', relay: heartbeat.relay }], heartbeat.relay, now, deps.newId());
  await nudge(deps);
}
