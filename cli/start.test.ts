import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const attack = join(import.meta.dirname, '../test/samples/attack-50-per-sender.log');

/** Loaded into a program before anything else: tells at its end which packages it has loaded. */
const tellPackages = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({
    load(url, context, next) {
      const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
      if (name !== undefined) packages.add(name);
      return next(url, context);
    },
  });
  process.on('exit', () => console.error([...packages].sort().join(' ')));
`)}`;

test.each([
  [['--help'], 'commander'],
  [['ids', attack], 'commander ipaddr.js'],
  [['scan', attack], '@marcbachmann/cel-js commander yaml zod'],
])('%j starts without the packages of other commands', async (args, packages) => {
  // `scan` finds something and exits 1.
  const { stderr } = await run(process.execPath, [
    '--import',
    tellPackages,
    join(import.meta.dirname, 'main.ts'),
    ...args,
  ]).catch((error: { stderr: string }) => error);
  expect(stderr).toBe(`${packages}\n`);
});

test('the installed program is the same program', async () => {
  const [source, installed] = await Promise.all(
    ['main.ts', 'holdfast.js'].map((file) => run(process.execPath, [join(import.meta.dirname, file), 'ids', attack])),
  );
  expect(installed?.stdout).toBe(source?.stdout);
});
