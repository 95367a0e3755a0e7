import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bundlesOf, coldStart, startAwsStub } from './cold-start.fixture.ts';
import { madeStacks } from './stacks.fixture.ts';

const outdir = mkdtempSync(join(tmpdir(), 'holdfast-bundles-'));
afterAll(() => rmSync(outdir, { recursive: true }));

/** What a cold start may read: Lambda's own measure is what zip makes of it. */
const maxBytes = 1.5 * 1024 * 1024;
const bundles = bundlesOf(madeStacks({ bundled: true, outdir }).app.synth());

test('there is a bundle for each function', () => {
  expect(bundles.map(({ name }) => name).sort()).toEqual(['api', 'dispatch', 'enrol', 'ingest', 'record', 'schedule']);
});

test.each(bundles)('the bundle of $name is one small file, with the rules beside it', ({ folder }) => {
  expect(readdirSync(folder).sort()).toEqual(['index.mjs', 'rules']);
  expect(statSync(join(folder, 'index.mjs')).size).toBeLessThan(maxBytes);
  expect(readdirSync(join(folder, 'rules'))).toEqual(readdirSync(new URL('../rules', import.meta.url)));
});

test.each(bundles)('the bundle of $name starts on what the stack tells it, and asks AWS for little', async (bundle) => {
  using aws = await startAwsStub();
  expect(await coldStart(bundle, aws.endpoint)).toMatchObject({ handler: 'function' });
  const table = ['DynamoDB_20120810.GetItem', 'DynamoDB_20120810.GetItem'];
  const key = bundle.name === 'dispatch' ? ['TrentService.GetPublicKey'] : [];
  expect(aws.asked).toEqual([...key, ...table]);
});
