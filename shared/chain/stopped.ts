import type { FileChain } from './chain.ts';

/** A line that is being written, and bytes that a shipper counts otherwise: nothing to speak of. */
const slackBytes = 4_096;
/** A pack leaves within ten seconds; retries and a backlog get this long. */
const stoppedMs = 3 * 60_000;

/**
 * Compares the size of a relay's live log, from its heartbeat, with what arrived of it. A file that is smaller was rotated,
 * and nothing of the new one has arrived.
 */
export function noteSize(chain: FileChain, bytes: number, nowMs: number): void {
  const end = chain.generations.at(-1)?.end ?? 0;
  const isBehind = bytes > end + slackBytes || (bytes > slackBytes && bytes < end - slackBytes);
  if (!isBehind) delete chain.behindSince;
  else if (chain.behindSince === undefined || chain.heardAt > chain.behindSince) chain.behindSince = nowMs;
}

/** Whether lines have stopped: the relay has more, and nothing came since it said so first. */
export function hasStopped({ behindSince, heardAt }: FileChain, nowMs: number): boolean {
  return behindSince !== undefined && heardAt <= behindSince && nowMs - behindSince > stoppedMs;
}
