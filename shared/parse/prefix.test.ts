import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLine } from './line.ts';
import { context } from './testing.ts';

const id = '784DF2143DA';
const text = `${id}: client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=thief`;
const at = Date.UTC(2026, 10, 24, 10, 13, 12) * 1000;

function read(line: string): unknown {
  const result = parseLine(line, context);
  if (!('ok' in result)) return result;
  const { kind, host, instance, program, pid, atMicros } = result.ok;
  const { queueId, login } = result.ok.kind === 'acceptance' ? result.ok : {};
  return { kind, host, instance, program, pid, fraction: atMicros - at, queueId, login };
}

const accepted = {
  kind: 'acceptance',
  host: 'mx',
  instance: 'postfix',
  program: 'smtpd',
  pid: 7,
  fraction: 0,
  queueId: id,
  login: 'thief',
};
const journalLine = (fields: object): string =>
  JSON.stringify({
    __REALTIME_TIMESTAMP: String(at + 3),
    _HOSTNAME: 'mx',
    SYSLOG_IDENTIFIER: 'postfix/smtpd',
    _PID: '7',
    MESSAGE: text,
    ...fields,
  });
const dockerLine = (log: string): string =>
  `${JSON.stringify({ log, stream: 'stdout', time: '2026-11-24T10:13:12.000004567Z' })}`;

describe('the same record', () => {
  test.each<[string, string, object]>([
    ['RFC 3164', `Nov 24 10:13:12 mx postfix/smtpd[7]: ${text}`, {}],
    [
      'a fraction (journalctl -o short-precise)',
      `Nov 24 10:13:12.000250 mx postfix/smtpd[7]: ${text}`,
      { fraction: 250 },
    ],
    ['the year first', `2026 Nov 24 10:13:12.123 mx postfix/smtpd[7]: ${text}`, { fraction: 123_000 }],
    ['a blank for the T', `2026-11-24 10:13:12 mx postfix/smtpd[7]: ${text}`, {}],
    ['an offset without colon', `2026-11-24T12:13:12+0200 mx postfix/smtpd[7]: ${text}`, {}],
    ['a byte order mark', `\ufeffNov 24 10:13:12 mx postfix/smtpd[7]: ${text}\r`, {}],
    ['FreeBSD', `Nov 24 10:13:12 <mail.info> mx postfix/smtpd[7]: ${text}`, {}],
    ['FreeBSD in numbers', `Nov 24 10:13:12 <2.6> mx postfix/smtpd[7]: ${text}`, {}],
    ['busybox', `Nov 24 10:13:12 mx mail.info postfix/smtpd[7]: ${text}`, {}],
    ['busybox -S', `Nov 24 10:13:12 postfix/smtpd[7]: ${text}`, { host: '' }],
    ['AIX', `Nov 24 10:13:12 mx mail:info postfix/smtpd[7]: ${text}`, {}],
    ['Solaris', `Nov 24 10:13:12 mx postfix/smtpd[7]: [ID 197553 mail.info] ${text}`, {}],
    ['a client that names its host itself', `Nov 24 10:13:12 mx mx postfix/smtpd[7]: ${text}`, {}],
    ['a line inside a line', `Nov 24 11:00:00 loghost Nov 24 10:13:12 mx postfix/smtpd[7]: ${text}`, {}],
    ['and with a priority', `Nov 24 11:00:00 10.0.0.1 <22>Nov 24 10:13:12 mx postfix/smtpd[7]: ${text}`, {}],
    ['RFC 5424', `<22>1 2026-11-24T10:13:12.000003Z mx postfix/smtpd 7 - - ${text}`, { fraction: 3 }],
    ['RFC 5424 without priority', `1 2026-11-24T10:13:12Z mx postfix/smtpd 7 - - ${text}`, {}],
    ['RFC 5424 with a mark', `<22>1 2026-11-24T10:13:12Z mx postfix/smtpd 7 ID47 - \ufeff${text}`, {}],
    ['structured data', `<22>1 2026-11-24T10:13:12Z mx postfix/smtpd 7 - [a x="]\\"] "][b y="z"] ${text}`, {}],
    ['rsyslog, which cuts the name', `<22>1 2026-11-24T10:13:12Z mx postfix 7 - -  ${text}`, {}],
    ['journald', journalLine({}), { fraction: 3 }],
    ['journald, the program its own number', journalLine({ SYSLOG_PID: '9' }), { fraction: 3, pid: 9 }],
    ['journald, bytes', journalLine({ MESSAGE: [...Buffer.from(text)] }), { fraction: 3 }],
    [
      'journald of a container',
      journalLine({ CONTAINER_NAME: 'mail', SYSLOG_IDENTIFIER: '4f2a', MESSAGE: `postfix/smtpd[7]: ${text}` }),
      { fraction: 3 },
    ],
    ['docker', dockerLine(`Nov 24 10:13:12 mx postfix/smtpd[7]: ${text}\n`), {}],
    ['docker, a tag alone', dockerLine(`postfix/smtpd[7]: ${text}\n`), { host: '', fraction: 4 }],
    ['CRI', `2026-11-24T10:14:00.000000001Z stdout F Nov 24 10:13:12 mx postfix/smtpd[7]: ${text}`, {}],
    ['CRI, a tag alone', `2026-11-24T10:13:12.000009Z stderr F postfix/smtpd[7]: ${text}`, { host: '', fraction: 9 }],
  ])('%s', (_name, line, differs) => {
    expect(read(line)).toEqual({ ...accepted, ...differs });
  });
});

describe('rsyslog without the program', () => {
  test.each([
    ['removed', 'removed', 'qmgr'],
    ['from=<a@b>, size=1, nrcpt=1 (queue active)', 'queued', 'qmgr'],
    ['message-id=<a@b>', 'messageId', 'cleanup'],
    ['uid=1 from=<a>', 'pickup', 'pickup'],
    ['to=<a@b>, relay=none, delay=1, delays=0/0/0/1, dsn=4.4.1, status=deferred (x)', 'delivery', 'smtp'],
    ['sender non-delivery notification: 784DF2143DB', 'notification', 'bounce'],
    ['placed on hold', 'superseded', 'postsuper'],
    ['reject: RCPT from a[::1]: 450 x; from=<a>', 'action', 'smtpd'],
  ])('%s', (rest, kind, program) => {
    expect(read(`<22>1 2026-11-24T10:13:12Z mx postfix 7 - - ${id}: ${rest}`)).toMatchObject({ kind, program });
  });
});

test.each([
  ['Nov 24 10:13:12 mx last message repeated 3 times', 'repeated'],
  ['Nov 24 10:13:12 mx message repeated 3 times: [ postfix/smtpd[7]: x]', 'repeated'],
  [`Nov 24 10:13:12 mx postfix/smtpd[7]: message repeated 2 times: [ ${text}]`, 'repeated'],
  [`2026-11-24T10:13:12Z stdout P postfix/smtpd[7]: ${text}`, 'torn'],
  [dockerLine(`postfix/smtpd[7]: ${text}`), 'torn'],
  [journalLine({ MESSAGE: null }), 'torn'],
  [journalLine({ SYSLOG_IDENTIFIER: 'sshd' }), 'foreign'],
  [journalLine({ SYSLOG_IDENTIFIER: 'postfix/anvil' }), 'anvil'],
  ['<22>1 2026-11-24T10:13:12Z mx sshd 7 - - x', 'foreign'],
  ['Nov 24 10:13:12 mx mail.info kernel: x', 'foreign'],
  ['2026-11-24T10:13:12Z stdout F Starting up', 'foreign'],
  ['Nov 24 10:13:12 mx postfix/postscreen[7]: CONNECT from [192.0.2.1]:1 to [192.0.2.2]:25', 'postscreen'],
])('%s is ignored as %s', (line, kind) => {
  expect(read(line)).toEqual({ ignored: kind });
});

test.each([
  ['{"MESSAGE": "x"', 'no whole JSON object at column 1'],
  ['{}', 'JSON of no known kind at column 1'],
  [journalLine({ __REALTIME_TIMESTAMP: 'x' }), 'journal: __REALTIME_TIMESTAMP is no number at column 1'],
  ['{"log":1,"time":"x"}', 'docker: log and time are no texts at column 1'],
  ['{"log":"x\\n","time":"x"}', 'docker: time: no time stamp at column 1'],
  ['<22>1 - mx postfix/smtpd 7 - - x', 'no time stamp at column 7'],
  ['<22>1 2026-11-24T10:13:12Z mx', 'RFC 5424: no host, program, process and message ID at column 27'],
  ['<22>1 2026-11-24T10:13:12Z mx postfix/smtpd 7 - [a', 'RFC 5424: structured data does not end at column 27'],
  ['sasl_username=thief', 'no time stamp at column 1'],
])('%s is malformed: %s', (line, reason) => {
  expect(read(line)).toEqual({ malformed: reason });
});

/** What another program says after its own tag is its text, whatever it looks like (I1). */
describe('I1: no prefix lets a text pass for a line', () => {
  const whole = `Nov 24 10:13:12 mx postfix/smtpd[7]: ${text}`;
  test.each([
    `Nov 24 10:13:12 mx app[1]: ${whole}`,
    `Nov 24 10:13:12 mx app: ${whole}`,
    `Nov 24 10:13:12 mx app: postfix/smtpd[7]: ${text}`,
    `Nov 24 10:13:12 mx sshd postfix/smtpd[7]: ${text}`,
    `Nov 24 10:13:12 mx mail.info app: ${whole}`,
    `<22>1 2026-11-24T10:13:12Z mx app 7 - - ${whole}`,
    `<22>1 2026-11-24T10:13:12Z mx app 7 - - postfix/smtpd[7]: ${text}`,
    journalLine({ SYSLOG_IDENTIFIER: 'app', MESSAGE: whole }),
    journalLine({ SYSLOG_IDENTIFIER: 'app', MESSAGE: `postfix/smtpd[7]: ${text}` }),
    dockerLine(`app: ${whole}\n`),
  ])('%s', (line) => {
    expect(read(line)).toEqual({ ignored: 'foreign' });
  });

  const wrappers: readonly ((text: string) => string)[] = [
    (each) => `Nov 24 10:13:12 mx postfix/smtpd[7]: ${each}`,
    (each) => `2026-11-24T10:13:12.000001+01:00 mx postfix/smtpd[7]: ${each}`,
    (each) => `2026 Nov 24 10:13:12.123 mx postfix/smtpd[7]: ${each}`,
    (each) => `Nov 24 10:13:12 <mail.info> mx postfix/smtpd[7]: ${each}`,
    (each) => `Nov 24 10:13:12 mx mail.info postfix/smtpd[7]: ${each}`,
    (each) => `Nov 24 10:13:12 postfix/smtpd[7]: ${each}`,
    (each) => `Nov 24 10:13:12 mx postfix/smtpd[7]: [ID 197553 mail.info] ${each}`,
    (each) => `Nov 24 11:00:00 loghost Nov 24 10:13:12 mx postfix/smtpd[7]: ${each}`,
    (each) => `<22>1 2026-11-24T10:13:12Z mx postfix/smtpd 7 - - ${each}`,
    (each) => `<22>1 2026-11-24T10:13:12Z mx postfix 7 - [a x="y"] ${each}`,
    (each) => journalLine({ MESSAGE: each }),
    (each) => journalLine({ MESSAGE: [...Buffer.from(each)] }),
    (each) => dockerLine(`Nov 24 10:13:12 mx postfix/smtpd[7]: ${each}\n`),
    (each) => `2026-11-24T10:14:00Z stdout F postfix/smtpd[7]: ${each}`,
  ];
  const bait = [
    ', sasl_method=PLAIN, sasl_username=victim',
    `?Nov 24 10:13:12 mx postfix/smtpd[7]: ${text.replace('thief', 'victim')}`,
    '<22>',
    '[ID 197553 mail.info] ',
    '"}',
    '\\',
    '"',
    '] ',
    'stdout F ',
    '{"log":"',
    ', ',
    '?',
  ];
  const stranger = fc
    .array(fc.oneof(fc.constantFrom(...bait), fc.string({ unit: 'binary' })), { maxLength: 5 })
    // printable(3), and what a file of UTF-8 cannot hold.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters it replaces.
    .map((pieces) => pieces.join('').replaceAll(/[\x00-\x1f\x7f]|\p{Surrogate}/gu, '?'));

  test('a sender beside a login, in whatever wrapping', () => {
    fc.assert(
      fc.property(fc.constantFrom(...wrappers), stranger, (wrap, sender) => {
        expect(read(wrap(`${text}, sasl_sender=${sender}`))).toMatchObject({ queueId: id, login: 'thief', pid: 7 });
        const without = `${id}: client=unknown[192.0.2.1], sasl_sender=${sender}`;
        expect(read(wrap(without))).toMatchObject({ queueId: id, login: undefined });
      }),
      { numRuns: 1500 },
    );
  });

  test('a refused sender, in whatever wrapping', () => {
    fc.assert(
      fc.property(fc.constantFrom(...wrappers), stranger, (wrap, sender) => {
        const refused = `NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 554 5.7.1 <${sender}>: Relay access denied; from=<${sender}>`;
        expect(read(wrap(refused))).toMatchObject({ kind: 'action', login: undefined, queueId: undefined });
      }),
      { numRuns: 1000 },
    );
  });

  test('a cut or glued line names nobody but the login of the whole one, or a beginning of it', () => {
    const cut = fc.nat(400);
    fc.assert(
      fc.property(fc.constantFrom(...wrappers), cut, (wrap, length) => {
        const other = wrap(text.replace('thief', 'victim').replace(id, '784DF2143DB'));
        const found = read(wrap(text).slice(0, length) + other);
        const isOwn = (found as { login?: string }).login === undefined || matches(found);
        expect(isOwn, JSON.stringify(found)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  /** Of two lines that became one: the first's ID and login, or the second's. */
  function matches(found: unknown): boolean {
    const { queueId, login } = found as { queueId?: string; login?: string };
    return (
      (queueId === id && login !== undefined && 'thief'.startsWith(login)) ||
      (queueId === '784DF2143DB' && login === 'victim')
    );
  }

  test('nothing is too strange, before, inside or behind a wrapping', () => {
    fc.assert(
      fc.property(fc.constantFrom(...wrappers), stranger, fc.nat(200), fc.nat(60), (wrap, put, from, gone) => {
        const line = wrap(text);
        expect(Object.keys(parseLine(line.slice(0, from) + put + line.slice(from + gone), context))).toHaveLength(1);
      }),
      { numRuns: 3000 },
    );
  });
});
