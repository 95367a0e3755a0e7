/**
 * `holdfast ids` against the queue files of real Postfix: `node bench/ids-truth.ts [MAILS] [SEED]` (root; 20,000 mails
 * take about three minutes). 20 accounts over three instances: long IDs, short IDs, and short ones behind re-injecting
 * content filters; then some mail is requeued, held, deleted. Figures: docs/benchmarks.md.
 */
import { missing } from '../lab/missing.ts';
import { askAll } from './ids/questions.ts';
import { startRig } from './ids/rig.ts';
import { playTruth } from './ids/truth.ts';

const lacking = missing();
if (lacking !== undefined) throw new Error(lacking);
const mails = Number(process.argv[2] ?? 20_000);
const seed = Number(process.argv[3] ?? 1);

const rig = await startRig();
try {
  const started = performance.now();
  const truth = await playTruth(rig.instances, mails, seed);
  const seconds = Math.round((performance.now() - started) / 1000);
  const derived = [...truth.claims].filter((claim) => claim.endsWith(' derived')).length;
  console.log(
    `${mails} submissions in ${seconds} s: ${truth.claims.size} messages of accounts (${derived} derived), ${truth.queued.size} still queued`,
  );
  for (const { name, expected, answered, missed, invented, seconds: took } of await askAll(rig.instances, truth)) {
    const right = answered - invented.length;
    const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(2)} %`;
    console.log(`${name}: recall ${share(right, expected)}, precision ${share(right, answered)}, ${took.toFixed(2)} s`);
    for (const claim of missed.slice(0, 10)) console.log(`  missed   ${claim}`);
    for (const claim of invented.slice(0, 10)) console.log(`  invented ${claim}`);
    if (missed.length + invented.length > 0) process.exitCode = 1;
  }
} finally {
  await rig.close();
}
