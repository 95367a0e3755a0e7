import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { OutboxEntry } from '../../shared/store/outbox.ts';
import type { Registration } from '../../shared/store/relays.ts';
import type { Deps } from '../deps.ts';
import { issueCommand } from './command.ts';
import { issueDesired } from './desired.ts';

/**
 * Sends what the outbox holds: at least once, in order per account. The messages of the event are only nudges; what
 * fails stays in the outbox, claimed for half a minute, and the sweep nudges again.
 */
export const dispatch =
  (deps: Deps) =>
  async (_event: SQSEvent): Promise<SQSBatchResponse> => {
    for await (const claimed of deps.outbox.claim(deps.nowMs())) {
      for (const entry of claimed.entries) await send(deps, entry);
      await deps.outbox.done(claimed);
    }
    for (const { sk, event } of await deps.outbox.announcements()) {
      await deps.announce(event);
      await deps.outbox.announced(sk);
    }
    return { batchItemFailures: [] };
  };

/** Relays served at once: enough for a fleet of a thousand in seconds, few enough for one process. */
const parallelRelays = 32;

async function send(deps: Deps, entry: OutboxEntry): Promise<void> {
  const relays = (await deps.relays.list()).filter(({ relay }) => entry.relay === undefined || entry.relay === relay);
  const issue = (relay: Registration): Promise<void> =>
    entry.kind === 'desired' ? issueDesired(deps, relay) : issueCommand(deps, relay, entry);
  for (let at = 0; at < relays.length; at += parallelRelays) {
    await Promise.all(relays.slice(at, at + parallelRelays).map(issue));
  }
}
