import { advance, type Finding, type HistoryEntry, IllegalMoveError } from '../../shared/decide/finding.ts';
import { mergeProofs } from '../../shared/store/relays.ts';
import type { Proof, ResultMessage } from '../../shared/wire/events.ts';
import type { Deps } from '../deps.ts';

/** What became of an order on a relay. A result that comes twice, or after a later one, changes nothing. */
export async function recordResult(deps: Deps, result: ResultMessage): Promise<void> {
  const command = await deps.relays.command(result.relay, result.id);
  const final = result.state !== 'journaled' && result.state !== 'running';
  if (command !== undefined && command.doneAt === undefined) {
    const reason = result.reason === undefined ? {} : { reason: result.reason };
    const done = final ? { doneAt: deps.nowMs() } : {};
    await deps.relays.saveCommand({
      ...command,
      state: result.state,
      counts: definedCounts(result),
      ...reason,
      ...done,
    });
    if (final && command.findingId !== undefined && (command.act === 'purge' || command.act === 'release')) {
      const what = command.act === 'purge' ? 'purged' : 'released';
      const count = result.counts[what] ?? 0;
      const detail = `${result.state}: ${count} ${what}${result.reason === undefined ? '' : ` (${result.reason})`}`;
      if (count > 0 || result.state !== 'done')
        await append(deps, command.findingId, actorOf(result.relay), what, detail);
    }
  }
  if (result.state === 'refused' || result.state === 'failed') {
    deps.log.error(
      { relay: result.relay, order: result.id, reason: result.reason },
      `a relay ${result.state} an order`,
    );
  }
  await recordProofs(deps, result.relay, result.at, result.proofs);
}

/** Keeps what a relay proved, and moves the account's finding on when its containment is proven there (I6). */
export async function recordProofs(deps: Deps, relay: string, at: number, proofs: readonly Proof[]): Promise<void> {
  const byAccount = Map.groupBy(proofs, (proof) => proof.account);
  for (const [account, fresh] of byAccount) {
    const known = (await deps.relays.accountOnRelays(account)).find((each) => each.relay === relay);
    if (known !== undefined && known.at > at) continue;
    const findingId = (await deps.findings.containmentOf(account))?.findingId;
    const same = known !== undefined && known.findingId === findingId;
    const inForce = fresh.some(({ what, verified }) => verified && (what === 'quarantine' || what === 'block'));
    // Since when it holds there: the first proof of this containment, by the relay's own clock.
    const since = (same ? known.since : undefined) ?? (inForce ? at : undefined);
    await deps.relays.saveAccountOnRelay(account, {
      relay,
      at,
      proofs: mergeProofs(same ? known.proofs : [], fresh),
      ...(findingId !== undefined && { findingId }),
      ...(since !== undefined && { since }),
    });
    const { open } = await deps.findings.ofAccount(account);
    if (open === undefined) continue;
    for (const proof of fresh) {
      const isContainment = proof.what === 'quarantine' || proof.what === 'block';
      // Relays that the account never touched prove it too, and would only fill the history.
      if (!isContainment || !proof.verified || (proof.held === 0 && !open.value.relays.includes(relay))) continue;
      if (open.value.history.some((each) => each.what === 'contained' && each.actor === actorOf(relay))) continue;
      await append(
        deps,
        open.value.id,
        actorOf(relay),
        'contained',
        `${proof.what} proven: ${proof.held} held, ${proof.outsideHold} outside`,
      );
    }
  }
}

async function append(
  deps: Deps,
  id: string,
  actor: string,
  what: HistoryEntry['what'],
  detail: string,
): Promise<void> {
  // Several relays report at once; each append is tried until it meets the version it read.
  for (let attempt = 0; attempt < 20; attempt++) {
    const read = await deps.findings.get(id);
    if (read === undefined) return;
    const at = deps.nowMs();
    let next: Finding;
    try {
      next = advance(read.value, { at, actor, what, detail });
    } catch (error) {
      if (error instanceof IllegalMoveError) return;
      throw error;
    }
    const audit = { at, actor, what, subject: id, detail };
    const change = { finding: next, version: read.version, accountVersion: 0, outbox: [], audit, id: deps.newId() };
    if (await deps.findings.save(change)) return;
  }
  throw new Error(`finding ${id} is changing too fast`);
}

function actorOf(relay: string): string {
  return `relay:${relay}`;
}

function definedCounts(result: ResultMessage): Record<string, number> {
  return Object.fromEntries(
    Object.entries(result.counts).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}
