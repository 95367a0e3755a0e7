import { QueueDoesNotExist } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { OutboxEntry } from '../../shared/store/outbox.ts';
import type { Registration } from '../../shared/store/relays.ts';
import type { Deps } from '../deps.ts';
import { sideBySide } from '../side-by-side.ts';
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

async function send(deps: Deps, entry: OutboxEntry): Promise<void> {
  const relays = (await deps.relays.list()).filter(({ relay }) => entry.relay === undefined || entry.relay === relay);
  await sideBySide(relays, async (relay) => {
    try {
      await (entry.kind === 'desired' ? issueDesired(deps, relay) : issueCommand(deps, relay, entry));
    } catch (error) {
      if (!(error instanceof QueueDoesNotExist)) throw error;
      cannotReach(deps, relay);
    }
  });
}

/** No repetition brings a queue back that somebody deleted, and all other relays' orders would wait behind it. */
function cannotReach(deps: Deps, { relay, commandQueueUrl }: Registration): void {
  deps.count('ordersRefused');
  deps.log.error(
    { relay, queue: commandQueueUrl },
    'the command queue of a relay is gone: revoke it and enrol it anew',
  );
}
