import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { type Answer, ask } from '../bench/ids/ask.ts';
import { mail } from './mail-lines.fixture.ts';

/** What scripts may rely on, line by line; whose mail is whose is told in ids-log.test.ts and ids.postfix.ts. */
const folder = mkdtempSync(join(tmpdir(), 'holdfast-ids-contract-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const header = 'relay\tinstance\tqueueId\taccount\tacceptedAt\tattribution\tsender\tclient';

/** A log file, last written in November 2026 unless said. */
async function file(name: string, content: string | Uint8Array, writtenAt = '2026-11-25T00:00:00Z'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  await utimes(path, new Date(writtenAt), new Date(writtenAt));
  return path;
}

/** Rows as lists of fields. */
async function rows(...args: readonly string[]): Promise<string[][]> {
  const answer = await ask(['ids', '--timezone', 'UTC', ...args]);
  expect({ ...answer, lines: answer.lines[0] }).toEqual({ code: 0, stderr: '', lines: header });
  return answer.lines.slice(1).map((line) => line.split('\t'));
}

async function column(at: number, ...args: readonly string[]): Promise<string[]> {
  return (await rows(...args)).map((row) => row[at] ?? '');
}

const refused = (answer: Answer): unknown => ({ code: answer.code, lines: answer.lines, stderr: answer.stderr.trim() });

describe('a row', () => {
  test('holds fields verbatim, times in UTC to the microsecond', async () => {
    const login = 'DOM\\ann "A", [1] zoë';
    const log = await file('verbatim', mail('A000000001', { login, stamp: '2026-11-24T11:00:00.12345+01:00' }));
    expect(await rows(log)).toEqual([
      [
        'mx1',
        'postfix',
        'A000000001',
        'dom\\ann "a", [1] zoë',
        '2026-11-24T10:00:00.123450Z',
        'direct',
        's@x.test',
        '192.0.2.7',
      ],
    ]);
  });

  test('is one row, whatever stands in it: a tab is ?', async () => {
    const log = await file('tab', mail('A000000001', { login: 'a\tb', sender: 's\t@x.test' }));
    expect((await rows(log)).map((row) => [row[3], row[6], row.length])).toEqual([['a?b', 's?@x.test', 8]]);
  });

  test('as JSON has the same keys and counts outcomes, those of one life by status', async () => {
    const to = (name: string, status: string): string =>
      `smtp to=<${name}@y.test>, relay=mx.y.test[198.51.100.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=${status} (ok)`;
    const log = await file(
      'outcomes',
      mail('A000000001', { after: [to('a', 'sent'), to('b', 'sent'), to('c', 'bounced'), 'qmgr removed'] }) +
        mail('A000000002'),
    );
    const { code, lines } = await ask(['ids', '--json', '--timezone', 'UTC', log]);
    const row = {
      relay: 'mx1',
      instance: 'postfix',
      account: 'ann',
      acceptedAt: '2026-11-24T10:00:00.000000Z',
      attribution: 'direct',
      sender: 's@x.test',
      client: '192.0.2.7',
    };
    expect(code).toBe(0);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { ...row, queueId: 'A000000001', outcomes: { sent: 2, bounced: 1 } },
      { ...row, queueId: 'A000000002', outcomes: {} },
    ]);
  });
});

describe('what is asked for', () => {
  const ended = ['qmgr removed', 'postsuper removed', 'postsuper requeued'];
  const two = [
    ...ended.map((end, index) => mail(`A00000000${index}`, { after: [end] })),
    mail('A000000005', { after: ['postsuper placed on hold'] }),
    mail('A000000005', { relay: 'mx2', instance: 'out', login: 'Ann' }),
    mail('A000000006', { login: 'bob' }),
  ].join('');

  test('an account in any spelling, a relay, an instance; what was removed, purged or requeued is queued no more', async () => {
    const log = await file('two', two);
    const answers = await Promise.all([
      column(2, '--account', 'ANN', log),
      column(0, '--still-queued', '--account', 'ann', log),
      column(2, '--relay', 'mx2', log),
      column(2, '--instance', 'postfix', '--still-queued', log),
      column(2, '--account', 'nobody', log),
    ]);
    expect(answers.map((answer) => answer.sort())).toEqual([
      ['A000000000', 'A000000001', 'A000000002', 'A000000005', 'A000000005'],
      ['mx1', 'mx2'],
      ['A000000005'],
      ['A000000005', 'A000000006'],
      [],
    ]);
  });

  test('--queue-ids-only prints bare IDs of mail still queued, and refuses several places, whatever the account', async () => {
    const log = await file('bare', two);
    const bare = async (...args: string[]): Promise<unknown> =>
      refused(await ask(['ids', '--queue-ids-only', ...args, log]));
    const stderr = 'holdfast: IDs of 2 places (mx1 postfix, mx2 out): choose one with --relay and --instance';
    expect(await Promise.all([bare(), bare('--account', 'bob'), bare('--relay', 'mx1', '--account', 'ann')])).toEqual([
      { code: 2, lines: [], stderr },
      { code: 2, lines: [], stderr },
      { code: 0, lines: ['A000000005'], stderr: '' },
    ]);
  });

  test('--own: only where an address is said to be ours does a next relay’s mail belong to the account', async () => {
    const reply =
      'smtp to=<t@y.test>, relay=mx2[10.1.2.3]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as B000000001)';
    const child = mail('B000000001', { relay: 'mx2' }).replace(', sasl_method=PLAIN, sasl_username=ann', '');
    const log = await file('own', child + mail('A000000001', { after: [reply, 'qmgr removed'] }));
    const answers = await Promise.all([
      rows(log),
      rows('--own', '10.1.2.0/24=mx2', log),
      rows('--own', '10.1.2.3=mx2', '--own', '10.0.0.0/8=mx3', log),
      rows('--own', '10.1.3.0/24=mx2', log),
    ]);
    const first = 'mx1 A000000001 direct';
    const both = [first, 'mx2 B000000001 derived'];
    expect(answers.map((answer) => answer.map((row) => `${row[0]} ${row[2]} ${row[5]}`).sort())).toEqual([
      [first],
      both,
      both,
      [first],
    ]);
  });
});

describe('files', () => {
  test('I2: the same from any order, overlapping copies, any compression, or standard input', async () => {
    const stamps = ['08:00:00', '09:00:00', '10:00:00', '11:00:00'].map((time) => `Nov 24 ${time}`);
    const pieces = stamps.map((stamp, index) => mail(`A00000000${index}`, { stamp }));
    const all = pieces.join('');
    const files = [
      await file('a.gz', gzipSync(pieces[0] ?? '')),
      await file('b.zst', zstdCompressSync(pieces[1] ?? '')),
      await file('c.xz', execFileSync('xz', ['-c'], { input: pieces[2] ?? '' })),
      await file('d', pieces.slice(2).join('')),
      await file('copy', all),
    ];
    const owed = stamps.map((_, index) => `A00000000${index}`);
    const piped = await ask(['ids', '--timezone', 'UTC', '-'], [all]);
    expect(piped.lines.slice(1).map((line) => line.split('\t')[2])).toEqual(owed);
    for (const order of [files, files.toReversed()]) expect((await column(2, ...order)).sort()).toEqual(owed);
  });

  test.each([
    ['no file', ['no-such-file'], /^holdfast: .*no-such-file: ENOENT/],
    ['a folder', ['.'], /^holdfast: .*: is a folder$/],
    ['one of two', ['good', 'no-such-file'], /^holdfast: .*no-such-file: ENOENT/],
  ])('%s: refused with its name before anything is printed', async (_, names, reason) => {
    await file('good', mail('A000000001'));
    const answer = await ask(['ids', ...names.map((name) => join(folder, name))]);
    expect(refused(answer)).toEqual({ code: 2, lines: [], stderr: expect.stringMatching(reason) });
  });

  test('a packed file that is cut short is named, with exit code 2', async () => {
    const whole = mail('A000000001').repeat(100);
    const cut = [
      await file('cut.gz', gzipSync(whole).subarray(0, -20)),
      await file('cut.xz', execFileSync('xz', ['-c'], { input: whole }).subarray(0, -20)),
    ];
    for (const { code, stderr } of await Promise.all(cut.map((path) => ask(['ids', path])))) {
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^holdfast: .*cut\.[gx]z: .+\n$/) });
    }
  });
});

describe('time', () => {
  test.each([
    ['crosses New Year', ['Dec 31 23:59:59', 'Jan  1 00:00:01'], '2026-01-02', [], ['2025-12-31', '2026-01-01']],
    [
      'is of the year given',
      ['Dec 31 23:59:59', 'Jan  1 00:00:01'],
      '2026-01-02',
      ['2019'],
      ['2019-12-31', '2020-01-01'],
    ],
    ['has its leap day', ['Feb 29 12:00:00', 'Mar  1 12:00:00'], '2026-06-01', [], ['2024-02-29', '2024-03-01']],
    ['has the leap day of a year given', ['Feb 29 12:00:00'], '2026-06-01', ['2020'], ['2020-02-29']],
  ])('a log without years %s', async (_, stamps, writtenAt, year, days) => {
    const lines = stamps.map((stamp, index) => mail(`A00000000${index}`, { stamp })).join('');
    const log = await file('years', lines, `${writtenAt}T00:00:00Z`);
    const at = await column(4, ...year.flatMap((text) => ['--year', text]), log);
    expect(at.map((text) => text.slice(0, 10))).toEqual(days);
  });

  test('the hour that passes twice when summer time ends', async () => {
    const clock = ['02:20:00', '02:40:00', '02:59:59', '02:00:00', '02:20:00', '02:45:00', '03:10:00'];
    const log = clock.map((time, index) => mail(`A00000000${index}`, { stamp: `Oct 25 ${time}` })).join('');
    const answer = await ask(['ids', '--timezone', 'Europe/Berlin', await file('twice', log)]);
    const utc = ['00:20:00', '00:40:00', '00:59:59', '01:00:00', '01:20:00', '01:45:00', '02:10:00'];
    expect(answer.lines.slice(1).map((line) => line.split('\t')[4])).toEqual(
      utc.map((time) => `2026-10-25T${time}.000000Z`),
    );
  });

  test('every form of stamp and prefix', async () => {
    const journal = (program: string, text: string): string =>
      `${JSON.stringify({
        __REALTIME_TIMESTAMP: '1795514403000000',
        _HOSTNAME: 'mx1',
        SYSLOG_IDENTIFIER: `postfix/${program}`,
        SYSLOG_PID: '1',
        MESSAGE: [...Buffer.from(text)],
      })}\n`;
    const log = [
      mail('A000000001', { stamp: '<22>Nov 24 10:00:00' }),
      mail('A000000002', { stamp: '2026 Nov 24 10:00:01.500' }),
      mail('A000000003', { stamp: '2026-11-24T10:00:02Z' }).replaceAll(']: ', ']: [ID 197553 mail.info] '),
      journal('smtpd', 'A000000004: client=unknown[192.0.2.7], sasl_method=PLAIN, sasl_username=ann'),
      journal('qmgr', 'A000000004: from=<s@x.test>, size=10, nrcpt=1 (queue active)'),
      mail('A000000005', { stamp: '2026-11-24T10:00:04.000000000Z stdout F Nov 24 10:00:04' }),
    ];
    expect(
      (await rows(await file('forms', log.join('')))).map((row) => `${row[2]} ${row[4]?.slice(11, -1)}`).sort(),
    ).toEqual([
      'A000000001 10:00:00.000000',
      'A000000002 10:00:01.500000',
      'A000000003 10:00:02.000000',
      'A000000004 10:00:03.000000',
      'A000000005 10:00:04.000000',
    ]);
  });
});

test('scan --json has the keys that scripts read', async () => {
  const burst = Array.from({ length: 400 }, (_, index) => {
    const time = `10:0${Math.floor(index / 60) % 10}:${String(index % 60).padStart(2, '0')}`;
    return mail(`A${String(index).padStart(9, '0')}`, { stamp: `Nov 24 ${time}`, sender: `s${index}@x.test` });
  });
  const { code, lines, stderr } = await ask(['scan', '--json', await file('burst', burst.join(''))]);
  expect({ code, stderr, objects: lines.length }).toEqual({ code: 1, stderr: '', objects: 1 });
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    relays: ['mx1'],
    lines: { total: 800, parsed: 800, ignored: 0, malformed: 0 },
    accounts: 1,
    findings: [
      {
        account: 'ann',
        rule: expect.any(String),
        severity: expect.any(String),
        openedAt: expect.any(Number),
        messagesBeforeOpen: expect.any(Number),
        recipientsBeforeOpen: expect.any(Number),
        response: 'quarantine',
        evidence: expect.arrayContaining([expect.any(String)]),
        relays: ['mx1'],
      },
    ],
  });
  const refusal = await ask(['scan', '--json', '--rules', join(folder, 'no-rules'), join(folder, 'burst')]);
  expect(refused(refusal)).toEqual({ code: 2, lines: [], stderr: expect.stringMatching(/no-rules: ENOENT/) });
});
