import type { Reporter, TestModule } from 'vitest/node';

/** Prints the one closing line that every runner's reader understands: `N passed, N failed, N skipped`. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      // A file that fails to import has no tests at all: its errors count as failures.
      count.failed += module.errors().length;
      // So has a suite whose beforeAll or afterAll failed: its tests are merely skipped.
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
      for (const test of module.children.allTests()) count[test.result().state] += 1;
    }
    for (const line of leftOutLines(modules)) console.log(line);
    console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}

/** One line a reason: which suites were left out, and how to get what they need. */
function leftOutLines(modules: readonly TestModule[]): string[] {
  const suites = new Map<string, Set<string>>();
  for (const module of modules) {
    for (const test of module.children.allTests('skipped')) {
      const part = test.fullName.split(' > ').find((each) => each.includes(' (left out: ')) ?? '';
      const [, name, reason] = /^(.*?) \(left out: (.*)\)$/.exec(part) ?? [];
      if (name !== undefined && reason !== undefined) suites.set(reason, (suites.get(reason) ?? new Set()).add(name));
    }
  }
  return [...suites].map(([reason, names]) => `left out: ${[...names].join('; ')}: ${reason}`);
}
