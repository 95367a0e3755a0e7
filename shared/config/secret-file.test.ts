import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkSecretFile } from './secret-file.ts';
import { lockState } from './state-lock.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('I9: a config file that others can read or write is refused with the command that mends it', async () => {
  const path = join(folder, 'exec.yaml');
  await writeFile(path, '', { mode: 0o600 });
  expect(() => checkSecretFile(path)).not.toThrow();
  for (const mode of [0o640, 0o604, 0o666]) {
    await chmod(path, mode);
    expect(() => checkSecretFile(path)).toThrow(`mode 0${mode.toString(8)} lets others in, want 0600: chown`);
  }
});

test('one state folder serves one process', () => {
  const first = lockState(folder, 'hub');
  expect(() => lockState(folder, 'hub')).toThrow(`${folder}: another hub is running on it`);
  first.release();
  lockState(folder, 'hub').release();
});
