import { type FileChain, place } from '../../shared/chain/chain.ts';
import { decideGaps, dueGaps } from '../../shared/chain/gaps.ts';
import type { ByteRange } from '../../shared/chain/generation.ts';
import type { Part } from '../../shared/correlate/facts.ts';
import { type Chains, chainShardOf, chainsOf, isFollowed } from '../../shared/store/chains.ts';
import { type OutboxEntry, outboxWrite } from '../../shared/store/outbox.ts';
import { type StoredPart, sentAtOf } from '../../shared/store/parts.ts';
import { type Deps, nudge } from '../deps.ts';
import type { ChainMemory } from './chain-memory.ts';

/** As many maillogs as an agent has at most; of more, those heard least recently are forgotten. */
const maxFiles = 16;
/** Orders that a relay gets in one sweep: exec takes a thousand commands an hour, and containments come first. */
const maxAsks = 2;
/** Another sweep that ran at the same time is over by then. */
const maxAttempts = 5;

interface Ordered {
  readonly relay: string;
  readonly file: string;
  readonly range: ByteRange;
}

/**
 * Joins what arrived to the relays' offset chains, and has relays send again what stays missing: a pack that its
 * shipper dropped, or that a queue lost. `arrived` has an entry for every relay that is enrolled, also without parts.
 */
export async function followChains(
  deps: Deps,
  memory: ChainMemory,
  arrived: ReadonlyMap<string, readonly StoredPart[]>,
): Promise<void> {
  for (const [shard, relays] of Map.groupBy(arrived.keys(), chainShardOf)) {
    try {
      await followShard(deps, memory, shard, relays, arrived);
    } catch (error) {
      memory.forget(shard);
      // Detection goes on without; what is not noted now opens a gap later, which is looked into then.
      deps.log.error({ shard, error: String(error) }, 'the offset chains of some relays could not be followed');
    }
  }
}

async function followShard(
  deps: Deps,
  memory: ChainMemory,
  shard: number,
  relays: readonly string[],
  arrived: ReadonlyMap<string, readonly StoredPart[]>,
): Promise<void> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const now = deps.nowMs();
    const known = await memory.read(shard);
    const ask: Ordered[] = [];
    const lost: Ordered[] = [];
    const chains: Chains = {};
    for (const relay of relays) {
      const files = chainsOf(known, relay);
      const fresh = arrived.get(relay) ?? [];
      const given = joinAll(
        deps,
        relay,
        files,
        fresh.map(({ part }) => part),
        now,
      );
      for (const { key, part } of fresh) {
        const { range } = part;
        const chain = range && isFollowed(range.file) ? files[range.file] : undefined;
        // A process that starts sees parts of before for the first time.
        if (chain !== undefined) chain.heardAt = Math.max(chain.heardAt, sentAtOf(key));
      }
      lost.push(...given);
      const decided = await decide(deps, relay, files, now);
      ask.push(...decided.ask);
      lost.push(...decided.lost, ...decided.given);
      if (Object.keys(files).length > 0) chains[relay] = files;
    }
    const entries = ask.map(
      ({ relay, file, range }): OutboxEntry => ({
        kind: 'command',
        act: 'backfill',
        relay,
        backfill: { file, ...range },
        actor: 'hub',
      }),
    );
    const caused = entries.length === 0 ? [] : [outboxWrite(entries, `chain#${shard}`, now, deps.newId())];
    if (!(await memory.keep(shard, chains, caused, lost.length > 0))) continue;
    for (const each of ask) deps.log.warn(described(each), 'lines are missing; their relay is asked for them');
    for (const each of lost)
      deps.log.error(described(each), 'lines are lost: their relay was asked for them and did not send them');
    if (ask.length > 0) deps.count('packsMissing', ask.length);
    if (lost.length > 0) deps.count('packsLost', lost.length);
    if (ask.length > 0) await nudge(deps);
    return;
  }
  throw new Error('somebody else keeps changing them');
}

/** What is due is looked into first: packs that were stored late are behind the sweep's cursor. */
async function decide(
  deps: Deps,
  relay: string,
  files: Record<string, FileChain>,
  now: number,
): Promise<{ ask: Ordered[]; lost: Ordered[]; given: Ordered[] }> {
  const due = Object.values(files).flatMap((chain) => dueGaps(chain, now));
  if (due.length === 0) return { ask: [], lost: [], given: [] };
  const since = Math.min(...due.map(({ lookFrom }) => lookFrom));
  const stored = await deps.parts.between(relay, since, now, 'all');
  const given = joinAll(
    deps,
    relay,
    files,
    stored.map(({ part }) => part),
    now,
  );
  const ask: Ordered[] = [];
  const lost: Ordered[] = [];
  for (const [file, chain] of Object.entries(files)) {
    const decided = decideGaps(chain, now, maxAsks - ask.length);
    ask.push(...decided.ask.map((range) => ({ relay, file, range })));
    lost.push(...decided.lost.map((range) => ({ relay, file, range })));
  }
  return { ask, lost, given };
}

/** Returns what is given up because it is of a generation that is too old. */
function joinAll(
  deps: Deps,
  relay: string,
  files: Record<string, FileChain>,
  parts: readonly Part[],
  now: number,
): Ordered[] {
  const given: Ordered[] = [];
  for (const part of parts) {
    const file = part.range?.file;
    if (file === undefined || !isFollowed(file)) continue;
    const chain = files[file];
    const followed = chain ?? { generations: [], heardAt: 0 };
    given.push(...place(followed, part, now).map((range) => ({ relay, file, range })));
    if (chain !== undefined) continue;
    files[file] = followed;
    const names = Object.keys(files);
    if (names.length <= maxFiles) continue;
    const [quietest = file] = names.sort((a, b) => (files[a]?.heardAt ?? 0) - (files[b]?.heardAt ?? 0));
    delete files[quietest];
    deps.log.error(
      { relay, file: quietest },
      `a relay sends lines of more than ${maxFiles} files; one is not followed`,
    );
  }
  return given;
}

function described({ relay, file, range: { from, to } }: Ordered): object {
  return { relay, file, from, to, bytes: to - from };
}
