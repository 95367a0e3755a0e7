/**
 * kill -9 of hub, agents and execs at random moments of the story, on real Postfix: `node bench/chaos.ts [ROUNDS] [SEED]`
 * (root; 20 rounds take about eight minutes). Each round has a seed of its own, SEED and up. Figures: docs/benchmarks.md.
 */
import { missing } from '../lab/missing.ts';
import { playRound } from './chaos/round.ts';

const lacking = missing();
if (lacking !== undefined) throw new Error(lacking);
const rounds = Number(process.argv[2] ?? 20);
const firstSeed = Number(process.argv[3] ?? 1);
const tell = process.env['HOLDFAST_DEBUG'] === undefined ? () => {} : console.log;

let [kills, bad] = [0, 0];
const seconds: number[] = [];
for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
  const outcome = await playRound(seed, tell);
  kills += outcome.kills;
  seconds.push(outcome.seconds);
  if (outcome.faults.length > 0) bad += 1;
  const verdict = outcome.faults.length === 0 ? 'as without kills' : outcome.faults.join('\n    ');
  (outcome.faults.length === 0 ? tell : console.log)(outcome.logs);
  console.log(`seed ${seed}: ${outcome.kills} kills, ${outcome.spam} spam, ${outcome.seconds} s: ${verdict}`);
}
seconds.sort((a, b) => a - b);
console.log(
  `${rounds} rounds, ${kills} kills: ${rounds - bad} ended as without kills; median ${seconds[Math.floor(rounds / 2)]} s, longest ${seconds.at(-1)} s`,
);
if (bad > 0) process.exitCode = 1;
