import { describe } from 'vitest';
import { missing } from './missing.ts';

/** Why suites on real Postfix are left out here, in one line; undefined where they run, and where CI requires them. */
export function leftOut(): string | undefined {
  return process.env['CI'] ? undefined : missing();
}

/** A suite that drives real Postfix. Left out, it says why (test/reporter.ts prints the lines). */
export function describeWithPostfix(name: string, suite: () => void): void {
  const lack = leftOut();
  if (lack === undefined) describe(name, suite);
  else describe.skip(`${name} (left out: ${lack})`, suite);
}
