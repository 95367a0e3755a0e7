import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { ask } from '../bench/ids/ask.ts';
import { mail } from './mail-lines.fixture.ts';

/** What an attacker, a clock or a broken copy makes of a log. */
const folder = mkdtempSync(join(tmpdir(), 'holdfast-ids-edges-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  await utimes(path, new Date('2026-11-25T00:00:00Z'), new Date('2026-11-25T00:00:00Z'));
  return path;
}

async function idsOf(...args: string[]): Promise<string[]> {
  const { lines } = await ask(['ids', '--timezone', 'UTC', ...args]);
  return lines
    .slice(1)
    .map((line) => line.split('\t').slice(2, 4).join(' '))
    .sort();
}

describe('a last line without its newline', () => {
  const whole =
    mail('A000000001', { stamp: 'Nov 24 10:00:00', login: 'bob' }) +
    mail('A000000002', { stamp: 'Nov 24 10:05:00', login: 'alice' });
  const login = whole.indexOf('sasl_username=alice');
  const owed = ['A000000001 bob', 'A000000002 alice'];

  test('I1: a copy that ends inside a login names nobody with the shorter one, in either order of files', async () => {
    const torn = await file('torn', whole.slice(0, login + 'sasl_username=ali'.length));
    const log = await file('whole', whole);
    expect(await idsOf(torn, log)).toEqual(owed);
    expect(await idsOf(log, torn)).toEqual(owed);
  });

  test('I1: nor does a rotated file whose next one begins with the message’s other lines', async () => {
    const rest = whole.slice(whole.indexOf('\n', login) + 1);
    const torn = await file('torn.1', whole.slice(0, login + 'sasl_username=ali'.length));
    expect(await idsOf(torn, await file('rest', rest))).toEqual(['A000000001 bob']);
    const packed = await file('torn.1.gz', gzipSync(whole.slice(0, login + 'sasl_username=ali'.length)));
    expect(await idsOf(packed, await file('rest', rest))).toEqual(['A000000001 bob']);
  });

  test('I1: nor does a pipe that breaks there (its message is known from another file)', async () => {
    const rest = await file('rest', whole.slice(whole.indexOf('\n', login) + 1));
    const { lines } = await ask(
      ['ids', '--timezone', 'UTC', '-', rest],
      [whole.slice(0, login + 'sasl_username=ali'.length)],
    );
    expect(lines.slice(1).map((line) => line.split('\t')[3])).toEqual(['bob']);
  });

  test('I1: a queue ID that is cut short in `queued as` or `orig_queue_id=` links nobody else’s mail', async () => {
    const reply =
      'smtp to=<t@y.test>, relay=127.0.0.1[127.0.0.1]:10025, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as B00000000123)';
    const parent = mail('A000000001', { after: [reply] });
    const other = mail('B0000000012').replace(', sasl_method=PLAIN, sasl_username=ann', '');
    const torn = parent.slice(0, parent.indexOf('B00000000123') + 'B0000000012'.length);
    expect(await idsOf(await file('cut-link', torn), await file('other', other))).toEqual(['A000000001 ann']);
  });

  test('I8: scan says so, and takes nothing from it', async () => {
    const torn = await file('torn', whole.slice(0, login + 'sasl_username=ali'.length));
    const rest = await file('rest', whole.slice(whole.indexOf('\n', login) + 1));
    const { lines, stderr } = await ask(['scan', '--json', '--timezone', 'UTC', torn, rest]);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ accounts: 1, lines: { total: 3, parsed: 3 } });
    expect(stderr).toContain(`${torn}: ends within a line, which was not read`);
  });
});

describe('the hour that passes twice', () => {
  const clock = ['02:20:00', '02:50:00', '02:10:00', '02:50:00', '03:10:00'];
  const utc = ['00:20:00', '00:50:00', '01:10:00', '01:50:00', '02:10:00'];
  const log = clock.map((time, index) => mail(`A00000000${index}`, { stamp: `Oct 25 ${time}` })).join('');

  test('ids: time runs forward, also where the log is quiet for half an hour', async () => {
    const { lines } = await ask(['ids', '--timezone', 'Europe/Berlin', await file('twice', log)]);
    expect(lines.slice(1).map((line) => line.split('\t')[4]?.slice(11, 19))).toEqual(utc);
  });

  test('scan: the second pass is another hour: a burst spread over both is no burst', async () => {
    // 15 mails of as many senders in each 02:0x; 20 within ten minutes are a finding.
    const times = Array.from(
      { length: 30 },
      (_, index) => `02:0${Math.floor((index % 15) / 5)}:${(index % 5) * 10 + 10}`,
    );
    const between = ['02:20:00', '02:40:00', '02:59:00'];
    const all = [...times.slice(0, 15), ...between, ...times.slice(15)];
    const two = all.map((time, index) =>
      mail(`A${String(index).padStart(9, '0')}`, { stamp: `Oct 25 ${time}`, sender: `s${index}@x.test` }),
    );
    const { lines } = await ask([
      'scan',
      '--json',
      '--timezone',
      'Europe/Berlin',
      await file('scan-twice', two.join('')),
    ]);
    expect(
      JSON.parse(lines[0] ?? '').findings.map((each: { messagesBeforeOpen: number }) => each.messagesBeforeOpen),
    ).toEqual([]);
  });
});

test('a terminal is told nothing by a field: every control character is ?', async () => {
  const log = await file(
    'controls',
    mail('A000000001', { login: 'a\x1b[2J\x07b\x7f', sender: 's\x1b]0;x\x07@x.test' }),
  );
  const { lines } = await ask(['ids', '--timezone', 'UTC', log]);
  expect(lines[1]?.split('\t').slice(3, 7)).toEqual(['a?[2j?b?', expect.any(String), 'direct', 's?]0;x?@x.test']);
});

test('I8: what is no log is not answered with "nothing": exit code 2, and how much could not be read', async () => {
  // A rotated log whose name does not say that it is packed; .bz2 is the same.
  const packed = await file('mail.log-20261124', gzipSync(mail('A000000001').repeat(500)));
  const { code, stderr } = await ask(['ids', packed]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/could not be read/) });
});

describe('what must not reach postsuper', () => {
  test('I12: an empty --account is refused: a script’s empty variable does not mean everybody', async () => {
    const log = await file('empty-account', mail('A000000001'));
    for (const name of ['', ' ']) {
      const { code, lines } = await ask(['ids', '--queue-ids-only', '--account', name, log]);
      expect({ code, lines }).toEqual({ code: 2, lines: [] });
    }
  });

  test('I3: an ID that names somebody else’s message now is not the account’s, though no removal was logged', async () => {
    const theirs = mail('A000000001', { stamp: 'Nov 24 10:05:00' }).replace(
      ', sasl_method=PLAIN, sasl_username=ann',
      '',
    );
    const log = await file('taken-over', mail('A000000001', { stamp: 'Nov 24 10:00:00' }) + theirs);
    const { code, lines } = await ask(['ids', '--timezone', 'UTC', '--queue-ids-only', '--account', 'ann', log]);
    expect({ code, lines }).toEqual({ code: 0, lines: [] });
  });
});

test('a named pipe is read from its beginning, once', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('/usr/bin/mkfifo', [pipe]);
  const writing = writeFile(pipe, mail('A000000001'));
  expect(await idsOf(pipe)).toEqual(['A000000001 ann']);
  await writing;
});

test('I8: of a .zst with several frames not one is left out without a word', async () => {
  const log = await file('frames.zst', Buffer.concat([zstdCompressSync(mail('A000000001')), zstdCompressSync('x\n')]));
  const { code, stderr } = await ask(['ids', log]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/several zstd frames/) });
});
