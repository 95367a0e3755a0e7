import type { OutboxEntry } from '../../shared/store/outbox.ts';
import type { Registration } from '../../shared/store/relays.ts';
import type { Deps } from '../deps.ts';
import { sendOrder } from './send.ts';

/** A command is an act of this hour: after an outage it must not run any more. Purge and release may wait longer. */
const validMs = { kick: 5 * 60_000, other: 24 * 3_600_000 };

type CommandEntry = Extract<OutboxEntry, { kind: 'command' }>;

/** Numbers, records, signs and sends one command to one relay. */
export async function issueCommand(deps: Deps, relay: Registration, entry: CommandEntry): Promise<void> {
  const { act, account, findingId, selection, backfill, actor } = entry;
  const now = deps.nowMs();
  const number = await deps.relays.nextNumber(relay.relay, account ?? '', now);
  const { issued } = await deps.relays.issued(relay.relay);
  const jti = `${number}-${deps.newId()}`;
  await deps.relays.saveCommand({
    jti,
    relay: relay.relay,
    ...(account !== undefined && { account }),
    act,
    number,
    sentAt: now,
    actor,
    state: 'pending',
    counts: {},
    ...(findingId !== undefined && { findingId }),
  });
  await sendOrder(
    deps,
    relay,
    {
      v: 1,
      kind: 'command',
      relay: relay.relay,
      jti,
      issuedAt: now,
      notAfter: now + (act === 'kick' ? validMs.kick : validMs.other),
      act,
      ...(account !== undefined && { account, accountRule: deps.accountRule }),
      number,
      // What the relay does for itself changes no mail: it need not wait.
      requiresGeneration: account === undefined ? 0 : issued.generation,
      ...(selection !== undefined && { selection }),
      ...(backfill !== undefined && { backfill }),
    },
    account ?? 'relay',
  );
}
