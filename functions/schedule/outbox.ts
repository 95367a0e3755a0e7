import { type Deps, nudge } from '../deps.ts';

/** What lies in the outbox longer than this was lost on its way, or its worker died. */
const patienceMs = 5_000;

export async function resendOutbox(deps: Deps): Promise<void> {
  if (await deps.outbox.olderThan(deps.nowMs() - patienceMs)) await nudge(deps);
}
