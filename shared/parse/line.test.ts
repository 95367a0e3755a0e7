import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseLine } from './line.ts';
import { longIdMicros } from './queue-id.ts';
import { context } from './testing.ts';

const samples = new URL('../../test/samples/', import.meta.url);

function linesOf(file: string): string[] {
  return readFileSync(new URL(file, samples), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

function countByKind(file: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of linesOf(file)) {
    const result = parseLine(line, context);
    const kind = 'ok' in result ? result.ok.kind : 'ignored' in result ? `ignored ${result.ignored}` : result.malformed;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

test.each([
  ['attack-50-per-sender.log', { acceptance: 181, connect: 6, delivery: 68, messageId: 177, queued: 168 }],
  [
    'content-filter-reinject.log',
    { acceptance: 4, connect: 3, delivery: 4, disconnect: 3, messageId: 4, queued: 4, removed: 4 },
  ],
  ['dovecot-auth.log', { authFailure: 7, 'ignored foreign': 1 }],
  [
    'long-ids-cyrus.log',
    {
      acceptance: 43,
      action: 22,
      authFailure: 6,
      connect: 21,
      delivery: 159,
      disconnect: 21,
      expired: 2,
      messageId: 59,
      notification: 17,
      pickup: 2,
      queued: 88,
      removed: 37,
      sessionLost: 3,
      superseded: 8,
      'ignored anvil': 3,
      'ignored note': 40,
      'ignored postfix-script': 2,
      'ignored warning': 5,
    },
  ],
  [
    'long-ids-dovecot.log',
    {
      acceptance: 36,
      action: 22,
      authFailure: 7,
      connect: 19,
      delivery: 149,
      disconnect: 19,
      expired: 2,
      messageId: 49,
      notification: 14,
      pickup: 2,
      queued: 77,
      removed: 27,
      sessionLost: 3,
      superseded: 8,
      'ignored anvil': 6,
      'ignored note': 40,
      'ignored postfix-script': 5,
      'ignored warning': 2,
    },
  ],
  [
    'short-ids-cyrus-portlogging.log',
    {
      acceptance: 26,
      action: 2,
      authFailure: 4,
      connect: 14,
      delivery: 58,
      disconnect: 14,
      expired: 2,
      messageId: 29,
      notification: 4,
      pickup: 2,
      queued: 42,
      removed: 17,
      sessionLost: 3,
      superseded: 8,
      'ignored anvil': 3,
      'ignored note': 26,
      'ignored postfix-script': 5,
      'ignored warning': 5,
    },
  ],
  [
    'transactions-short-ids.log',
    {
      acceptance: 19,
      action: 9,
      connect: 19,
      delivery: 10,
      disconnect: 19,
      messageId: 15,
      proxyAcceptance: 6,
      proxyReply: 4,
      queued: 10,
      removed: 10,
      sessionLost: 4,
      'ignored note': 1,
      'ignored verify': 1,
      'ignored warning': 1,
    },
  ],
  // As rsyslog (its three formats) and busybox wrote them.
  [
    'syslog-forms.log',
    {
      acceptance: 4,
      authFailure: 2,
      connect: 2,
      queued: 3,
      removed: 1,
      'ignored foreign': 8,
      'ignored repeated': 2,
    },
  ],
])('every line of %s is a record or ignored by kind', (file, counts) => {
  expect(countByKind(file)).toEqual(counts);
});

test('the time inside a long ID is that of its acceptance or pickup line', () => {
  let compared = 0;
  for (const file of readdirSync(samples).filter((name) => name.endsWith('.log'))) {
    for (const line of linesOf(file)) {
      const result = parseLine(line, context);
      if (!('ok' in result) || (result.ok.kind !== 'acceptance' && result.ok.kind !== 'pickup')) continue;
      const micros = longIdMicros(result.ok.queueId);
      if (micros === undefined) continue;
      expect(Math.floor(micros / 1e6) * 1e6, line).toBe(result.ok.atMicros);
      compared += 1;
    }
  }
  expect(compared).toBeGreaterThan(260);
});

test.each([
  ['', { ignored: 'blank' }],
  ['\r\n', { ignored: 'blank' }],
  ['no log at all', { malformed: 'no time stamp at column 1' }],
  ['<22>', { malformed: 'no time stamp at column 5' }],
  ['Nov 24 10:13:12', { malformed: 'no blank after the time stamp at column 16' }],
  ['Nov 24 10:13:12 ', { malformed: 'no host and program after the time stamp at column 16' }],
  ['Nov 24 10:13:12  postfix/smtpd[1]: x', { malformed: 'no host and program after the time stamp at column 16' }],
  ['Nov 24 10:13:12 mx last message repeated 3 times', { ignored: 'repeated' }],
  ['Nov 24 10:13:12 mx postfix/smtpd[1]:', { ignored: 'note' }],
])('%j', (line, expected) => {
  expect(parseLine(line, context)).toEqual(expected);
});

test('CRLF belongs to no field', () => {
  const line = 'Nov 24 10:13:12 mx postfix/smtpd[1]: 784DF2143DA: client=a[::1], sasl_method=PLAIN, sasl_username=b';
  expect(parseLine(`${line}\r\n`, context)).toEqual(parseLine(line, context));
});

test('a megabyte of anything takes no longer than it has to', () => {
  const prefix = 'Nov 24 10:13:12 mx postfix/';
  const heads = [
    'smtpd[1]: 784DF2143DA: client=a[::1], sasl_method=X, sasl_username=',
    'qmgr[1]: 784DF2143DA: from=<',
    'smtp[1]: 784DF2143DA: to=<',
    'cleanup[1]: 784DF2143DA: hold: header ',
    'smtpd[1]: NOQUEUE: reject: RCPT from a[::1]: ',
    'smtpd[1]: proxy-accept: END-OF-MESSAGE: 250 ',
  ];
  // Wrappings, whose text begins with the mass or is the mass.
  const wrappings = [
    ['Nov 24 10:13:12 mx dovecot: auth-worker(9): conn unix:', ''],
    ['Nov 24 10:13:12 mx dovecot: imap-login: x (auth failed): user=<', ''],
    ['Nov 24 10:13:12 mx ', ''],
    ['2026-11-24T10:13:12Z stdout F ', ''],
    ['<22>1 2026-11-24T10:13:12Z mx postfix/smtpd 7 - [', ''],
    ['<22>1 ', ''],
    ['{"log":"', '","time":"x"}'],
    ['[['.repeat(500_000), ''],
  ];
  const fillers = [
    'x',
    '"',
    '>',
    ', relay=',
    '>, relay=',
    '[',
    ', sasl_sender=',
    '\r',
    ' ',
    '\0',
    '\ud800',
    'Ok: 1 bytes queued as ',
  ];
  const started = performance.now();
  for (const filler of fillers) {
    const mass = filler.repeat(1_000_000 / filler.length);
    for (const head of heads) parseLine(`${prefix}${head}${mass}`, context);
    parseLine(mass, context);
    for (const [before, after] of wrappings) parseLine(`${before}${mass}${after}`, context);
  }
  // 180 lines of a megabyte; anything quadratic would take minutes.
  expect(performance.now() - started).toBeLessThan(10_000);
});
