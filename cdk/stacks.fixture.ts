import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import type { Environment } from './environment.ts';
import { addStacks } from './stacks.ts';

const cdkJson = new URL('../cdk.json', import.meta.url);

/** All stacks under cdk.json's own flags. Without bundling, which takes seconds and changes nothing in a template. */
export function madeStacks({ bundled = false, outdir, ...environment }: Partial<Environment> & Options = {}) {
  const { context } = JSON.parse(readFileSync(cdkJson, 'utf8'));
  const bundling = bundled ? { 'aws:cdk:enable-asset-metadata': true } : { 'aws:cdk:bundling-stacks': [] };
  const app = new App({ context: { ...context, ...bundling }, ...(outdir !== undefined && { outdir }) });
  return { app, ...addStacks(app, { name: 'test', place: {}, settings: {}, ...environment }) };
}

interface Options {
  readonly bundled?: boolean;
  readonly outdir?: string;
}
