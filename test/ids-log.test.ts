import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, rowsOfTsv } from '../bench/ids/ask.ts';
import { writeLog } from '../bench/ids/log-file.ts';

describe.each(['rfc3164', 'rfc3339'] as const)('ids over a made-up day, %s', (stamp) => {
  let folder = '';
  let log = '';
  let owed: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-ids-log-'));
    log = join(folder, 'mail.log');
    writeLog(log, { lines: 60_000, seed: 1, stamp });
    owed = (await readFile(`${log}.rows`, 'utf8')).trimEnd().split('\n').sort();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const answered = async (...files: string[]): Promise<string[]> => {
    const answer = await ask(['ids', '--timezone', 'UTC', ...files]);
    expect({ code: answer.code, stderr: answer.stderr }).toEqual({ code: 0, stderr: '' });
    return rowsOfTsv(answer).sort();
  };

  test('I3: every message of every account by relay, instance, ID and life, and nobody else’s', async () => {
    expect(owed.filter((row) => row.endsWith(' derived')).length).toBeGreaterThan(500);
    expect(await answered(log)).toEqual(owed);
  });

  test('I2: the same from rotated files, compressed or not, in any order', async () => {
    const bytes = await readFile(log);
    // In the middle of a second, of a session and of a chain.
    const first = bytes.indexOf('\n', bytes.length * 0.3) + 1;
    const second = bytes.indexOf('\n', bytes.length * 0.7) + 1;
    const written = new Date('2026-03-02T08:00:00Z');
    const pieces: [string, Uint8Array][] = [
      ['mail.log.2.gz', gzipSync(bytes.subarray(0, first))],
      ['mail.log.1.zst', zstdCompressSync(bytes.subarray(first, second))],
      ['mail.log', bytes.subarray(second)],
    ];
    const files: string[] = [];
    for (const [name, content] of pieces) {
      const file = join(folder, `rotated-${name}`);
      await writeFile(file, content);
      await utimes(file, written, written);
      files.push(file);
    }
    expect(await answered(...files)).toEqual(owed);
    expect(await answered(...files.toReversed())).toEqual(owed);
  });
});
