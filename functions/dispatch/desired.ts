import type { Registration } from '../../shared/store/relays.ts';
import { desiredDigest } from '../../shared/wire/digest.ts';
import type { DesiredEntry } from '../../shared/wire/orders.ts';
import type { Deps } from '../deps.ts';
import { sendOrder } from './send.ts';

/** A relay that was away longer gets a fresh one: its heartbeat's digest differs. */
const validMs = 7 * 24 * 3_600_000;
const entriesPerPiece = 100;

/** Sends a relay everything that is in force for it, as a new generation. */
export async function issueDesired(deps: Deps, relay: Registration): Promise<void> {
  const entries = await desiredEntries(deps);
  const digest = desiredDigest(entries, deps.accountRule);
  const now = deps.nowMs();
  const { issued, version } = await deps.relays.issued(relay.relay);
  const generation = Math.max(issued.generation + 1, now);
  // Saved first: a generation number is never used for two contents, whatever happens in between.
  if (!(await deps.relays.saveIssued(relay.relay, { generation, digest, sentAt: now }, version))) {
    return issueDesired(deps, relay);
  }
  const count = Math.max(1, Math.ceil(entries.length / entriesPerPiece));
  for (let index = 0; index < count; index++) {
    const piece = entries.slice(index * entriesPerPiece, (index + 1) * entriesPerPiece);
    await sendOrder(
      deps,
      relay,
      {
        v: 1,
        kind: 'desired',
        relay: relay.relay,
        jti: `${generation}-${index}-${deps.newId()}`,
        issuedAt: now,
        notAfter: now + validMs,
        generation,
        piece: { index, count },
        accountRule: deps.accountRule,
        digest,
        entries: piece,
      },
      'desired',
    );
  }
}

/** What is in force now, in account order. */
export async function desiredEntries(deps: Deps): Promise<DesiredEntry[]> {
  const now = deps.nowMs();
  const inForce = (await deps.findings.containments()).filter(({ until }) => until > now);
  return inForce.map(({ account, mode, logins, until, released }) => ({ account, mode, logins, until, released }));
}
