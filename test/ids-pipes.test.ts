import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mail } from './mail-lines.fixture.ts';

function idsOfPipe(): { child: ChildProcessWithoutNullStreams; ended: Promise<{ code: number | null; said: string }> } {
  const program = join(import.meta.dirname, '../cli/main.ts');
  const child = spawn(process.execPath, [program, 'ids', '--timezone', 'UTC', '-']);
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  return { child, ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, said }))) };
}

test('a reader that has had enough ends it quietly, with exit code 0', async () => {
  const { child, ended } = idsOfPipe();
  // More rows than any pipe holds.
  child.stdin.on('error', () => undefined);
  child.stdin.end(Array.from({ length: 20_000 }, (_, index) => mail(`A${String(index).padStart(9, '0')}`)).join(''));
  child.stdout.once('data', () => child.stdout.destroy());
  expect(await ended).toEqual({ code: 0, said: '' });
});

test('rows of a live log are out before it ends', async () => {
  const { child, ended } = idsOfPipe();
  let out = '';
  const row = new Promise<void>((resolve) => {
    child.stdout.on('data', (text) => {
      out += text;
      if (out.includes('A000000001')) resolve();
    });
  });
  child.stdin.write(mail('A000000001'));
  await row;
  child.stdin.end(mail('A000000002'));
  expect(await ended).toEqual({ code: 0, said: '' });
  expect(out.match(/A0+\d/g)).toEqual(['A000000001', 'A000000002']);
});
