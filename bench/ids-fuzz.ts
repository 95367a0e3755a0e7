/**
 * Damaged lines, random bytes and a line without end through the parser, `holdfast ids` and `holdfast scan`:
 * `node bench/ids-fuzz.ts [LINES] [MEGABYTES] [SEED]` (default 5,000,000 lines and 1,000 MB: about ten minutes). Ends
 * with 1 if anything was wrong. Figures: docs/benchmarks.md.
 */
import { type Faults, fuzzBytes, fuzzEndless, fuzzIds, fuzzScan } from './ids/fuzz-command.ts';

const lines = Number(process.argv[2] ?? 5_000_000);
const megabytes = Number(process.argv[3] ?? 1_000);
const seed = Number(process.argv[4] ?? 2);

await tell(`${lines} damaged lines, ids`, () => fuzzIds(lines, seed));
await tell(`${lines} damaged lines, scan`, () => fuzzScan(lines, seed));
await tell(`${megabytes} MB of random bytes, ids and scan`, () => fuzzBytes(megabytes, seed));
await tell(`a line of ${megabytes} MB, ids and scan`, () => fuzzEndless(megabytes));

async function tell(name: string, fuzz: () => Promise<Faults>): Promise<void> {
  const started = performance.now();
  const faults = await fuzz();
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(`${name}: ${faults.length === 0 ? 'all right' : `${faults.length} faults`}, ${seconds} s`);
  for (const fault of faults) console.log(`  ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
