import { HTTPException } from 'hono/http-exception';
import { hasStopped } from '../../shared/chain/stopped.ts';
import type { Containment, Finding } from '../../shared/decide/finding.ts';
import { type Chains, chainShardOf, chainsOf } from '../../shared/store/chains.ts';
import { dayOf } from '../../shared/store/keys.ts';
import type { AccountOnRelay } from '../../shared/store/relays.ts';
import type { Deps } from '../deps.ts';

/** What people see. Every list is bounded: findings by days, relays by enrolment. */

export interface RelayView {
  readonly relay: string;
  readonly enrolledAt: number;
  /** Hub time, ms; absent before the first heartbeat. */
  readonly heardAt?: number;
  readonly clockOffsetMs?: number;
  /** When lines of it arrived last, hub time, ms. */
  readonly linesAt?: number;
  /** Logs that grow while their lines do not arrive. */
  readonly linesStopped: readonly string[];
  readonly instances: readonly string[];
  /** Messages per queue name, over all instances, as of the last snapshots. */
  readonly queued: Readonly<Record<string, number>>;
  /** True while what is in force there equals what we want. */
  readonly converged: boolean;
}

export interface Overview {
  readonly relays: { readonly enrolled: number; readonly silent: number };
  readonly findings: { readonly open: number; readonly contained: number; readonly confirmed: number };
  readonly containments: readonly Containment[];
}

export interface FindingView {
  readonly finding: Finding;
  readonly containment?: Containment;
  /** What each relay has proven. */
  readonly relays: readonly AccountOnRelay[];
}

const silentMs = 3 * 60_000;
const dayMs = 86_400_000;

export async function listRelays(deps: Deps): Promise<RelayView[]> {
  const registered = await deps.relays.list();
  const shards = new Map<number, Chains>();
  for (const shard of new Set(registered.map(({ relay }) => chainShardOf(relay)))) {
    shards.set(shard, (await deps.chains.shard(shard)).chains);
  }
  return Promise.all(
    registered.map(async ({ relay, enrolledAt }): Promise<RelayView> => {
      const lines = linesOf(chainsOf(shards.get(chainShardOf(relay)) ?? {}, relay), deps.nowMs());
      const status = await deps.relays.status(relay);
      const { issued } = await deps.relays.issued(relay);
      if (status === undefined) {
        return { relay, enrolledAt, ...lines, instances: [], queued: {}, converged: false };
      }
      return {
        relay,
        enrolledAt,
        heardAt: status.heardAt,
        clockOffsetMs: status.clockOffsetMs,
        ...lines,
        instances: status.heartbeat.instances.map(({ name }) => name),
        queued: await queued(deps, relay),
        converged: issued.generation === 0 || status.heartbeat.desired.digest === issued.digest,
      };
    }),
  );
}

function linesOf(files: Chains[string], nowMs: number): Pick<RelayView, 'linesAt' | 'linesStopped'> {
  const linesAt = Math.max(0, ...Object.values(files).map(({ heardAt }) => heardAt));
  const linesStopped = Object.keys(files).filter((file) => {
    const chain = files[file];
    return chain !== undefined && hasStopped(chain, nowMs);
  });
  return { linesStopped, ...(linesAt > 0 && { linesAt }) };
}

async function queued(deps: Deps, relay: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { queues } of await deps.relays.snapshots(relay)) {
    for (const [name, { messages }] of Object.entries(queues)) counts[name] = (counts[name] ?? 0) + messages;
  }
  return counts;
}

export async function listFindings(deps: Deps, days: number): Promise<Finding[]> {
  const now = deps.nowMs();
  const found: Finding[] = [];
  for (let day = 0; day < days; day++) found.push(...(await deps.findings.ofDay(dayOf(now - day * dayMs))));
  return found;
}

export async function findingDetail(deps: Deps, id: string): Promise<FindingView> {
  const read = await deps.findings.get(id);
  if (read === undefined) throw new HTTPException(404, { message: `no finding ${id}` });
  const { account } = read.value;
  const containment = await deps.findings.containmentOf(account);
  const relays = (await deps.relays.accountOnRelays(account)).filter((each) => each.findingId === id);
  return { finding: read.value, relays, ...(containment?.findingId === id && { containment }) };
}

export async function overview(deps: Deps): Promise<Overview> {
  const relays = await listRelays(deps);
  const findings = await listFindings(deps, 7);
  const silent = relays.filter(({ heardAt }) => heardAt === undefined || deps.nowMs() - heardAt > silentMs).length;
  const inState = (state: Finding['state']): number => findings.filter((finding) => finding.state === state).length;
  return {
    relays: { enrolled: relays.length, silent },
    findings: { open: inState('open'), contained: inState('contained'), confirmed: inState('confirmed') },
    containments: await deps.findings.containments(),
  };
}
