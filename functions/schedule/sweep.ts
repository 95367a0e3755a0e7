import { canonicalAccount } from '../../shared/account/account.ts';
import type { Part } from '../../shared/correlate/facts.ts';
import { windowMicros } from '../../shared/detect/window.ts';
import { type SweepCounts, sweepShardOf } from '../../shared/store/sweep.ts';
import type { Deps } from '../deps.ts';
import { judgeAccount } from '../judge.ts';
import { followChains } from './chains.ts';

const minuteMicros = 60_000_000;
/** Parts are stored a moment after they were sent: each sweep looks this far behind its cursor again. */
const lateMs = 5_000;
/** Fleet-wide messages within the window from which an account is recounted. Rules start above it. */
const suspectMessages = 15;

interface Seen extends SweepCounts {
  readonly logins: Set<string>;
  newestMicros: number;
}

/**
 * Second step of detection: merges what arrived on all relays since the last sweep, so that an account spread thinly
 * over many is one account. What crosses is recounted exactly from parts, and only the recount opens a finding.
 */
export async function sweep(deps: Deps): Promise<void> {
  const now = deps.nowMs();
  const cursors = await deps.sweeps.cursors();
  const relays = (await deps.relays.list()).map(({ relay }) => relay);
  const seen = new Map<string, Seen>();
  const arrived = new Map<string, Part[]>();
  for (const relay of relays) {
    const from = Math.max(cursors[relay] ?? 0, now - windowMicros / 1000);
    const parts = await deps.parts.since(relay, from, now);
    for (const part of parts) collect(deps, part, seen);
    arrived.set(relay, parts);
    cursors[relay] = now - lateMs;
  }
  const contained = new Set((await deps.findings.containments()).map(({ account }) => account));
  const shards = Map.groupBy(seen, ([account]) => sweepShardOf(account));
  for (const [index, entries] of shards) {
    const shard = await deps.sweeps.shard(index);
    forget(shard.accounts, (now * 1000 - windowMicros) / minuteMicros);
    for (const [account, fresh] of entries) {
      const known = merge(shard.accounts.get(account), fresh);
      shard.accounts.set(account, known);
      const total = [...known.minutes.values()].reduce((sum, count) => sum + count, 0);
      if (total < suspectMessages || contained.has(account)) continue;
      await judgeAccount(deps, {
        account,
        logins: [...fresh.logins],
        relays: [...known.relays],
        times: [fresh.newestMicros],
        sentAt: now,
        containment: undefined,
      });
    }
    await deps.sweeps.saveShard(index, shard);
  }
  await followChains(deps, arrived);
  await deps.sweeps.saveCursors(cursors);
}

function collect(deps: Deps, part: Part, seen: Map<string, Seen>): void {
  for (const { facts } of part.traces) {
    for (const fact of facts) {
      if ((fact.kind !== 'accepted' && fact.kind !== 'proxied') || fact.login === undefined) continue;
      const account = canonicalAccount(fact.login, deps.accountRule);
      if (account === undefined) continue;
      const known = seen.get(account) ?? { logins: new Set(), relays: new Set(), minutes: new Map(), newestMicros: 0 };
      const minute = Math.floor(fact.atMicros / minuteMicros);
      known.logins.add(fact.login);
      known.relays.add(part.relay);
      known.minutes.set(minute, (known.minutes.get(minute) ?? 0) + 1);
      known.newestMicros = Math.max(known.newestMicros, fact.atMicros);
      seen.set(account, known);
    }
  }
}

function merge(known: SweepCounts | undefined, fresh: Seen): SweepCounts {
  const minutes = new Map(known?.minutes);
  for (const [minute, count] of fresh.minutes) minutes.set(minute, (minutes.get(minute) ?? 0) + count);
  return { minutes, relays: new Set([...(known?.relays ?? []), ...fresh.relays]) };
}

function forget(accounts: Map<string, SweepCounts>, oldestMinute: number): void {
  for (const [account, { minutes }] of accounts) {
    for (const minute of minutes.keys()) if (minute < oldestMinute) minutes.delete(minute);
    if (minutes.size === 0) accounts.delete(account);
  }
}
