/**
 * From the log line that crosses a rule's threshold to the last `postsuper -h` on every relay, in the embedded hub, on
 * real Postfix: `node bench/latency.ts [RUNS]` (root; 20 runs take about four minutes). Figures: docs/benchmarks.md.
 *
 * The crossing is found by replaying each relay's own maillog through detection; its time stands in the long queue ID.
 * The last hold is the ctime of the queue file that postsuper moved last: exact where the log has whole seconds.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fleet, type FleetRelay, startFleet } from '../cli/demo/fleet.ts';
import { realRelays } from '../cli/demo/real-relay.ts';
import { scanLogs } from '../cli/logs/scan-logs.ts';
import { makeCast } from '../lab/cast.ts';
import { missing } from '../lab/missing.ts';
import { readQueue } from '../lab/queue-truth.ts';
import { startStory } from '../lab/story.ts';
import { factOf } from '../shared/correlate/collect.ts';
import { loadRules } from '../shared/decide/rules.ts';
import { parseLine } from '../shared/parse/line.ts';

const lacking = missing();
if (lacking !== undefined) throw new Error(lacking);
const runs = Number(process.argv[2] ?? 20);
const cast = makeCast('example.org');
const rules = loadRules(join(import.meta.dirname, '../rules'));
const silent = { info: () => {}, warn: () => {}, error: () => {} };
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const seconds: number[] = [];
for (let run = 1; run <= runs; run++) {
  const fleet = await startFleet(
    realRelays(() => {}),
    ['mx1', 'mx2'],
    cast,
    silent,
  );
  try {
    const took = await measure(fleet);
    seconds.push(took);
    console.log(`run ${run}: ${took.toFixed(3)} s`);
  } finally {
    await fleet.close();
  }
}
seconds.sort((a, b) => a - b);
const at = (share: number): string =>
  (seconds[Math.min(seconds.length - 1, Math.ceil(share * seconds.length) - 1)] ?? 0).toFixed(2);
console.log(`${runs} runs: p50 ${at(0.5)} s, p95 ${at(0.95)} s, max ${at(1)} s`);

async function measure(fleet: Fleet): Promise<number> {
  const story = startStory({ relays: fleet.relays, cast, spamPerSecond: 8 });
  try {
    await story.thiefGone;
    // The standing hold's last look comes after the thief's last mail.
    await sleep(1000);
    const crossings = await Promise.all(fleet.relays.map(crossingMs));
    const holds = await Promise.all(fleet.relays.map(lastHoldMs));
    return (Math.max(...holds) - Math.min(...crossings)) / 1000;
  } finally {
    await story.stop();
  }
}

/** When this relay's log alone fulfilled a rule. */
async function crossingMs(relay: FleetRelay): Promise<number> {
  const { findings } = await scanLogs([relay.maillog], rules, { realm: cast.realm, realmAliases: {} }, zone);
  return findings[0]?.openedAt ?? Number.POSITIVE_INFINITY;
}

/** When postsuper moved the last message into the hold queue; what the access map put there does not count. */
async function lastHoldMs(relay: FleetRelay): Promise<number> {
  const moved = new Set<string>();
  for (const line of (await readFile(relay.maillog, 'utf8')).split('\n')) {
    const parsed = parseLine(line, { zone, nearMicros: Date.now() * 1000 });
    const stated = 'ok' in parsed ? factOf(parsed.ok, String) : undefined;
    if (stated?.fact.kind === 'held') moved.add(stated.queueId);
  }
  const files = [...(await readQueue(relay.queueDirectory ?? '')).values()].filter((file) => moved.has(file.queueId));
  const times = await Promise.all(files.map(async ({ path }) => (await stat(path)).ctimeMs));
  return Math.max(...times);
}
