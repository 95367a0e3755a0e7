import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const docs = join(import.meta.dirname, '../docs');

test('docs/parser.md shows the example as it stands, and what it prints', async () => {
  const program = join(docs, 'examples/who-sent-what.ts');
  const text = await readFile(join(docs, 'parser.md'), 'utf8');
  const blocks = [...text.matchAll(/^```\w*\n(.*?)^```$/gms)].map(([, block]) => block);
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-parser-doc-'));
  try {
    const log = join(folder, 'mail.log');
    await copyFile(join(import.meta.dirname, 'samples/content-filter-reinject.log'), log);
    const written = new Date('2026-11-25T00:00:00Z');
    await utimes(log, written, written);
    const { stdout } = await run(process.execPath, [program, log]);
    expect(blocks).toEqual([await readFile(program, 'utf8'), stdout]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
