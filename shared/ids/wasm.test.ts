import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const folder = join(import.meta.dirname, 'wasm');
const compiler = join(dirname(createRequire(import.meta.url).resolve('assemblyscript/package.json')), 'bin/asc.js');

test('sift.wasm is what its source compiles to: else `npm run wasm`', () => {
  const made = mkdtempSync(join(tmpdir(), 'holdfast-wasm-'));
  const path = join(made, 'sift.wasm');
  try {
    execFileSync(process.execPath, [compiler, '--config', join(folder, 'asconfig.json'), '--outFile', path]);
    expect(readFileSync(path).equals(readFileSync(join(folder, 'sift.wasm')))).toBe(true);
  } finally {
    rmSync(made, { recursive: true });
  }
});
