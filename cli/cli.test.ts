import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const main = join(import.meta.dirname, 'main.ts');
const samples = join(import.meta.dirname, '../test/samples');
const attack = join(samples, 'attack-50-per-sender.log');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-cli-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function holdfast(args: readonly string[], input = '', env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...env } });
  const ran = { out: '', err: '' };
  child.stdout.on('data', (text) => {
    ran.out += text;
  });
  child.stderr.on('data', (text) => {
    ran.err += text;
  });
  child.stdin.end(input);
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...ran })));
}

const rowsOf = (text: string): string[][] =>
  text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'));

describe('holdfast ids', () => {
  test('prints a row per queue ID with account, time and sender', async () => {
    const { code, out } = await holdfast(['ids', attack, '--timezone', 'UTC']);
    expect(code).toBe(0);
    expect(out.split('\n')[0]).toBe('relay\tinstance\tqueueId\taccount\tacceptedAt\tattribution\tsender\tclient');
    const rows = rowsOf(out);
    const truth = (await readFile(attack, 'utf8')).split('\n').filter((line) => line.includes('(queue active)'));
    expect(new Set(rows.map((row) => row[2])).size).toBe(truth.length);
    expect(rows[0]?.slice(0, 6)).toEqual([
      'q1',
      'postfix-q1',
      '4jYfFZ2zQjz3wZ6',
      'userb',
      expect.stringMatching(/^2026-11-24T10:29:54\.\d{6}Z$/),
      'direct',
    ]);
  });

  test('reads standard input, gz, zst and xz alike', async () => {
    const bytes = await readFile(attack);
    const plain = await holdfast(['ids', attack]);
    await writeFile(join(folder, 'a.gz'), gzipSync(bytes));
    await writeFile(join(folder, 'a.zst'), zstdCompressSync(bytes));
    for (const file of ['a.gz', 'a.zst']) expect((await holdfast(['ids', join(folder, file)])).out).toBe(plain.out);
    expect((await holdfast(['ids', '-'], bytes.toString())).out).toBe(plain.out);
  });

  test('a re-injected message is derived from the account’s own', async () => {
    const { out } = await holdfast(['ids', join(samples, 'content-filter-reinject.log')]);
    expect(rowsOf(out).map((row) => [row[2], row[3], row[5]])).toEqual([
      ['4jYgNl4TtXzJ9C7', 'usera', 'direct'],
      ['4jYgNl4WqMzJ9C8', 'usera', 'direct'],
      ['4jYgNl551qzJ9CD', 'usera', 'derived'],
      ['4jYgNl57xBzJ9C7', 'usera', 'derived'],
    ]);
  });

  test('--queue-ids-only prints what is still queued, and refuses to mix places', async () => {
    const { out } = await holdfast(['ids', join(samples, 'content-filter-reinject.log'), '--queue-ids-only']);
    expect(out).toBe('');
    const mixed = await holdfast(['ids', attack, join(samples, 'long-ids-cyrus.log'), '--queue-ids-only']);
    expect(mixed.code).toBe(2);
    expect(mixed.err).toMatch(/^holdfast: IDs of 2 places \(.*\): choose one with --relay and --instance\n$/);
  });

  test('a pipe that closes early ends it quietly', async () => {
    const child = spawn('sh', ['-c', '"$0" "$1" ids "$2" | head -1', process.execPath, main, attack]);
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
    });
    await new Promise((resolve) => child.once('close', resolve));
    expect(said).toBe('');
  });
});

describe('holdfast scan', () => {
  test('finds the rotation in a real attack log, says what would have been done, and exits 1', async () => {
    const { code, out } = await holdfast(['scan', attack, '--json', '--timezone', 'UTC']);
    expect(code).toBe(1);
    const result: unknown = JSON.parse(out);
    expect(result).toMatchObject({
      relays: ['q1'],
      lines: { total: 600, malformed: 0 },
      findings: [{ account: 'userb', response: 'quarantine', relays: ['q1'] }],
    });
  });

  test('what is no log is not called clean: it is said how much could not be read, and the exit code is 2', async () => {
    const { code, err } = await holdfast(['scan', '-'], 'one\ntwo\n');
    expect(code).toBe(2);
    expect(err).toBe('holdfast: 2 of 2 lines could not be read\n');
  });

  test('finds nothing in a quiet log and exits 0', async () => {
    const { code, out } = await holdfast(['scan', join(samples, 'content-filter-reinject.log')]);
    expect(code).toBe(0);
    expect(out).toMatch(/nothing found/);
  });
});

describe('usage', () => {
  test.each([
    [['ids', '/no/such/file'], /^holdfast: \/no\/such\/file: ENOENT/],
    [['ids', samples], /is a folder/],
    [['ids', attack, '--timezone', 'Mars/Olympus'], /IANA zone/],
    [['ids', attack, '--limt'], /unknown option '--limt'/],
    [['approve', 'x', '--purge', 'clinet=1'], /want client=CIDR, sender=ADDR or since=TIME/],
    [['approve', 'x', '--purge', 'client=everybody'], /client wants a network/],
    [['findings', '--state', '/no/such/folder'], /no hub here .*holdfast up/],
    [['nonsense'], /unknown command/],
  ])('%j is refused in one line with exit code 2', async (args, reason) => {
    const { code, err } = await holdfast(args);
    expect(code).toBe(2);
    expect(err).toMatch(reason);
  });

  test('every command has help', async () => {
    const { out } = await holdfast(['--help']);
    const commands = [...out.matchAll(/^ {2}([a-z]+)[ |[<]/gm)]
      .map(([, name]) => name ?? '')
      .filter((name) => name !== 'help');
    expect(commands).toEqual(
      expect.arrayContaining([
        'up',
        'agent',
        'exec',
        'relay',
        'demo',
        'status',
        'findings',
        'approve',
        'undo',
        'scan',
        'ids',
      ]),
    );
    for (const name of commands) expect((await holdfast([name, '--help'])).out).toMatch(/^Usage: holdfast /);
  });

  test('a broken log file is named, not crashed on', async () => {
    await writeFile(join(folder, 'broken.gz'), 'this is no gzip');
    const { code, err } = await holdfast(['ids', join(folder, 'broken.gz')]);
    expect(code).toBe(2);
    expect(err).toMatch(/broken\.gz: /);
  });
});

test('half of a hub’s address is refused, before another hub answers in its place', async () => {
  const places = ['--config', folder, '--state', folder];
  const noToken = await holdfast(['status', ...places], '', { HOLDFAST_API: 'https://hub.example.org:9401' });
  expect(noToken).toMatchObject({ code: 2, err: expect.stringContaining('HOLDFAST_TOKEN is not') });
  const noAddress = await holdfast(['status', ...places], '', { HOLDFAST_TOKEN: 'x' });
  expect(noAddress).toMatchObject({ code: 2, err: expect.stringContaining('HOLDFAST_API, the hub’s address, is not') });
});
