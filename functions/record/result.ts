import { advance, type Finding, type HistoryEntry, IllegalMoveError } from '../../shared/decide/finding.ts';
import { type CommandRecord, mergeProofs } from '../../shared/store/relays.ts';
import type { Proof, ResultMessage } from '../../shared/wire/events.ts';
import type { Deps } from '../deps.ts';

/** What became of an order on a relay. A result that comes twice, or after a later one, changes nothing. */
export async function recordResult(deps: Deps, result: ResultMessage): Promise<void> {
  const command = await deps.relays.command(result.relay, result.id);
  const final = result.state !== 'journaled' && result.state !== 'running';
  if (command !== undefined && command.doneAt === undefined) {
    const reason = result.reason === undefined ? {} : { reason: result.reason };
    const done = final ? { doneAt: deps.nowMs() } : {};
    const record = { ...command, state: result.state, counts: definedCounts(result), ...reason, ...done };
    const told = final ? historyOf(record, result) : undefined;
    const isTold =
      told !== undefined && (await append(deps, { ...told, actor: actorOf(result.relay), command: record }));
    if (!isTold) await deps.relays.saveCommand(record);
  }
  if (result.state === 'refused' || result.state === 'failed') {
    deps.count('ordersRefused');
    deps.log.error(
      { relay: result.relay, order: result.id, reason: result.reason },
      `a relay ${result.state} an order`,
    );
  }
  await recordProofs(deps, result.relay, result.at, result.proofs);
}

/** What a finding's history says of an order that ended; undefined where nothing happened that a person would miss. */
function historyOf(
  { act, findingId }: CommandRecord,
  { counts, state, reason }: ResultMessage,
): Pick<Telling, 'id' | 'what' | 'detail'> | undefined {
  if (findingId === undefined || (act !== 'purge' && act !== 'release')) return undefined;
  const what = act === 'purge' ? 'purged' : 'released';
  const count = counts[what] ?? 0;
  if (count === 0 && state === 'done') return undefined;
  const detail = `${state}: ${count} ${what}${reason === undefined ? '' : ` (${reason})`}`;
  return { id: findingId, what, detail };
}

/** Keeps what a relay proved, and moves the account's finding on when its containment is proven there (I6). */
export async function recordProofs(deps: Deps, relay: string, at: number, proofs: readonly Proof[]): Promise<void> {
  const byAccount = Map.groupBy(proofs, (proof) => proof.account);
  for (const [account, fresh] of byAccount) {
    const known = (await deps.relays.accountOnRelays(account)).find((each) => each.relay === relay);
    if (known !== undefined && known.at > at) continue;
    const findingId = (await deps.findings.containmentOf(account))?.findingId;
    // A relay has nothing to prove of an account that nobody contained; a stolen key could invent accounts without end.
    if (findingId === undefined && known === undefined) continue;
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
      if (hasContained(open.value, actorOf(relay))) continue;
      const detail = `${proof.what} proven: ${proof.held} held, ${proof.outsideHold} outside`;
      await append(deps, { id: open.value.id, actor: actorOf(relay), what: 'contained', detail });
    }
  }
}

/** Once per relay is enough, and once more after mail got past the containment. */
function hasContained({ history }: Finding, actor: string): boolean {
  const since = history.slice(history.findLastIndex(({ what }) => what === 'escaped') + 1);
  return since.some((each) => each.what === 'contained' && each.actor === actor);
}

interface Telling {
  /** The finding's. */
  readonly id: string;
  readonly actor: string;
  readonly what: HistoryEntry['what'];
  readonly detail: string;
  /** Saved in the same transaction: killed in between, neither is. */
  readonly command?: CommandRecord;
}

/** False where the finding is gone or may not take the entry; then nothing is saved. */
async function append(deps: Deps, { id, actor, what, detail, command }: Telling): Promise<boolean> {
  // Several relays report at once; each append is tried until it meets the version it read.
  for (let attempt = 0; attempt < 20; attempt++) {
    const read = await deps.findings.get(id);
    if (read === undefined) return false;
    const at = deps.nowMs();
    let next: Finding;
    try {
      next = advance(read.value, { at, actor, what, detail });
    } catch (error) {
      if (error instanceof IllegalMoveError) return false;
      throw error;
    }
    const audit = { at, actor, what, subject: id, detail };
    const change = { finding: next, version: read.version, outbox: [], audit, id: deps.newId() };
    if (await deps.findings.save(command === undefined ? change : { ...change, command })) return true;
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
