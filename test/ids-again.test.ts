import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, rowsOfTsv } from '../bench/ids/ask.ts';
import { writeLog } from '../bench/ids/log-file.ts';

/** Logs that are larger than the window of `ids`, so that it has to give lines up and, for some, to read again. */
describe('ids over more than its window holds', () => {
  let folder = '';
  let log = '';
  let bytes: Buffer = Buffer.alloc(0);
  let owed: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-ids-again-'));
    log = join(folder, 'mail.log');
    writeLog(log, { lines: 150_000, seed: 3, stamp: 'rfc3339' });
    bytes = await readFile(log);
    owed = (await readFile(`${log}.rows`, 'utf8')).trimEnd().split('\n').sort();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function file(name: string, ...pieces: Uint8Array[]): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, Buffer.concat(pieces));
    await utimes(path, new Date('2026-03-04T00:00:00Z'), new Date('2026-03-04T00:00:00Z'));
    return path;
  }

  async function answered(args: readonly string[], input: Iterable<Uint8Array> = []): Promise<string[]> {
    const { code, stderr, ...answer } = await ask(['ids', '--timezone', 'UTC', ...args], input);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return rowsOfTsv({ code, stderr, ...answer }).sort();
  }

  test('I2: a log that holds everything twice, one copy behind the other, gives each row once', async () => {
    expect(await answered([await file('twice', bytes, bytes)])).toEqual(owed);
  });

  test('I2: the same from standard input, which is kept for a second reading', async () => {
    expect(await answered(['-'], [bytes, bytes])).toEqual(owed);
  });

  test('I2: a log whose younger half stands in front', async () => {
    const half = bytes.indexOf('\n', bytes.length / 2) + 1;
    const rows = await answered([await file('turned', bytes.subarray(half), bytes.subarray(0, half))]);
    const missing = owed.filter((row) => !rows.includes(row));
    expect(rows.filter((row) => !owed.includes(row))).toEqual([]);
    expect(missing).toEqual([]);
  });

  test('--jobs reads relays at once: the same rows', async () => {
    const relays = new Set(owed.map((row) => row.split(' ')[0] ?? ''));
    const text = bytes.toString('latin1').split('\n');
    const files = await Promise.all(
      [...relays].map((relay) =>
        file(relay, Buffer.from(`${text.filter((line) => line.split(' ')[1] === relay).join('\n')}\n`, 'latin1')),
      ),
    );
    expect(files.length).toBeGreaterThan(1);
    expect(await answered(['--jobs', '2', ...files])).toEqual(await answered(files));
  });

  test('--jobs refuses what one relay’s process cannot see', async () => {
    const part = bytes.subarray(0, bytes.indexOf('\n', 100_000) + 1);
    const [one, other] = [await file('one', part), await file('other', Buffer.from('Mar  2 06:00:00 mx9 x\n'), part)];
    const refusals = [
      ['--own', '10.0.0.2=mx2', one, other],
      ['--queue-ids-only', one, other],
      ['-', one],
    ];
    for (const args of refusals) {
      const { code, stderr, lines } = await ask(['ids', '--jobs', '2', ...args]);
      expect({ code, stderr, lines }).toEqual({
        code: 2,
        stderr: expect.stringMatching(/^holdfast: --jobs .*\n$/),
        lines: [],
      });
    }
  });
});
