/**
 * What a cold start costs: `node bench/cold-start.ts [RUNS]`. Bundles each function as for deployment, starts it in a Node
 * process of its own and waits for its handler; what it asks of AWS meanwhile is answered on loopback. Medians. Figures:
 * docs/benchmarks.md.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { App } from 'aws-cdk-lib';
import { bundlesOf, coldStart, startAwsStub } from '../cdk/cold-start.fixture.ts';
import { addStacks } from '../cdk/stacks.ts';

const runs = Number(process.argv[2] ?? 15);
const outdir = mkdtempSync(join(tmpdir(), 'holdfast-cold-start-'));
try {
  const { context } = JSON.parse(readFileSync(join(import.meta.dirname, '../cdk.json'), 'utf8'));
  const app = new App({ context: { ...context, 'aws:cdk:enable-asset-metadata': true }, outdir });
  addStacks(app, { name: 'bench', place: {}, settings: {} });
  const bundles = bundlesOf(app.synth());
  using aws = await startAwsStub();
  console.log('| function | bundle KB | gzipped KB | ready after ms | resident MB |');
  console.log('| --- | --- | --- | --- | --- |');
  for (const bundle of bundles) {
    const program = readFileSync(join(bundle.folder, 'index.mjs'));
    const starts = [];
    for (let run = 0; run < runs; run++) starts.push(await coldStart(bundle, aws.endpoint));
    const sizes = [program.length, gzipSync(program).length].map((bytes) => bytes / 1024);
    const times = [median(starts.map(({ readyMs }) => readyMs)), median(starts.map(({ residentMb }) => residentMb))];
    console.log(`| ${[bundle.name, ...[...sizes, ...times].map(Math.round)].join(' | ')} |`);
  }
} finally {
  rmSync(outdir, { recursive: true });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
