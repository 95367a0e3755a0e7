import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { afterAll } from 'vitest';
import type { Environment } from './environment.ts';
import { addStacks } from './stacks.ts';

const cdkJson = new URL('../cdk.json', import.meta.url);

/** Templates are written even to be looked at. */
const outdirs: string[] = [];
afterAll(() => {
  for (const outdir of outdirs) rmSync(outdir, { recursive: true, force: true });
});

/**
 * An app under cdk.json's own flags.
 * @param bundled with the functions' bundles: takes seconds, and changes nothing in a template
 */
export function newApp({ bundled = false } = {}): App {
  const { context } = JSON.parse(readFileSync(cdkJson, 'utf8'));
  const bundling = bundled ? { 'aws:cdk:enable-asset-metadata': true } : { 'aws:cdk:bundling-stacks': [] };
  const outdir = mkdtempSync(join(tmpdir(), 'holdfast-cdk-'));
  outdirs.push(outdir);
  return new App({ context: { ...context, ...bundling }, outdir });
}

/** All stacks, of the environment `test` where nothing else is said. */
export function madeStacks({ bundled = false, ...environment }: Partial<Environment> & { bundled?: boolean } = {}) {
  const app = newApp({ bundled });
  return { app, ...addStacks(app, { name: 'test', place: {}, settings: {}, ...environment }) };
}
