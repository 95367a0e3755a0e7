import { describe } from 'vitest';
import { missing } from '../lab/missing.ts';

/**
 * A suite that drives real Postfix. Where a part is missing it is left out and says so in one line; where CI requires
 * the parts (`CI` is set) it runs and fails.
 */
export function describeWithPostfix(name: string, suite: () => void): void {
  const lacking = missing();
  if (lacking !== undefined && process.env['CI'] === undefined) {
    describe.skip(`${name} (left out: ${lacking})`, suite);
    return;
  }
  describe(name, suite);
}
