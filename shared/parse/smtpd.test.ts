import { describe, expect, test } from 'vitest';
import { fields } from './testing.ts';

const id = '4jYdtJ6mvqzJ9Gp';
const own = { kind: 'acceptance', queueId: id, clientName: 'unknown', client: '127.0.0.1' };

describe('an acceptance', () => {
  test.each([
    ['client=unknown[127.0.0.1]', own],
    ['client=unknown[127.0.0.1]:4711', { ...own, clientPort: 4711 }],
    ['client=unknown[unknown]', { ...own, client: 'unknown' }],
    ['client=mail.example.org[2001:db8::1]', { ...own, clientName: 'mail.example.org', client: '2001:db8::1' }],
    [
      'client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=userA',
      { ...own, saslMethod: 'PLAIN', login: 'userA' },
    ],
    [
      'client=unknown[127.0.0.1]:4711, sasl_method=SCRAM-SHA-256, sasl_username=a@b',
      { ...own, clientPort: 4711, saslMethod: 'SCRAM-SHA-256', login: 'a@b' },
    ],
    [
      'client=unknown[127.0.0.1], sasl_method=LOGIN, sasl_username=a, sasl_sender=<x@y>',
      { ...own, saslMethod: 'LOGIN', login: 'a', saslSender: '<x@y>' },
    ],
    ['client=unknown[127.0.0.1], sasl_sender=x@y', { ...own, saslSender: 'x@y' }],
    [
      'client=unknown[127.0.0.1], orig_queue_id=4jYgNl4TtXzJ9C7, orig_client=unknown[127.0.0.1]',
      { ...own, origQueueId: '4jYgNl4TtXzJ9C7' },
    ],
    ['client=unknown[127.0.0.1], orig_client=a[10.0.0.1]', own],
    ['client=unknown[127.0.0.1], orig_queue_id=not-an-id', own],
    [
      'client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=a, orig_queue_id=784DF2143DA',
      { ...own, saslMethod: 'PLAIN', login: 'a', origQueueId: '784DF2143DA' },
    ],
    // An empty name is nobody's.
    ['client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=', { ...own, saslMethod: 'PLAIN' }],
  ])('%s', (text, expected) => {
    expect(fields('smtpd', `${id}: ${text}`)).toEqual(expected);
  });

  test.each([
    'a b',
    'a, b',
    '[x]',
    '"q"',
    'back\\slash',
    'Jürgen',
    'b??d',
    'x#011y',
    'victim, sasl_username=other',
    'x'.repeat(1900),
    ' padded ',
  ])('keeps the login %j as logged', (login) => {
    const text = `${id}: client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=${login}`;
    expect(fields('smtpd', text)).toEqual({ ...own, saslMethod: 'PLAIN', login });
  });

  test('is read where a logger dropped the colon after the ID', () => {
    expect(fields('smtpd', `${id} client=unknown[127.0.0.1]`)).toEqual(own);
  });

  test('keeps short IDs that read as words or numbers', () => {
    for (const queueId of ['DECADE', '12345E678']) {
      expect(fields('smtpd', `${queueId}: client=unknown[127.0.0.1]`)).toEqual({ ...own, queueId });
    }
  });

  test.each([
    ['client=unknown', 'smtpd: client= without NAME[ADDRESS] at column 65'],
    ['client=[127.0.0.1]', 'smtpd: client= without NAME[ADDRESS] at column 65'],
    ['client=a b[127.0.0.1]', 'smtpd: client= without NAME[ADDRESS] at column 65'],
    ['client=unknown[127.0.0.1]:99999', 'smtpd: client= without NAME[ADDRESS] at column 65'],
    ['client=unknown[127.0.0.1], sasl_username=x', 'smtpd: unknown text after the client at column 83'],
    [
      'client=unknown[127.0.0.1] sasl_method=PLAIN, sasl_username=x',
      'smtpd: unknown text after the client at column 83',
    ],
    ['client=unknown[127.0.0.1], sasl_method=PLAIN', 'smtpd: sasl_method= without sasl_username= at column 97'],
  ])('%s is malformed, and says where', (text, reason) => {
    expect(fields('smtpd', `${id}: ${text}`)).toEqual({ malformed: reason });
  });

  test('behind a before-queue proxy has no ID yet', () => {
    const { queueId: _none, ...rest } = own;
    expect(fields('smtpd', 'NOQUEUE: client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=a')).toEqual({
      ...rest,
      kind: 'proxyAcceptance',
      saslMethod: 'PLAIN',
      login: 'a',
    });
  });

  test.each([
    'userANov 24 10:13:12 mx postfix/smtpd[1]: connect from unknown[127.0.0.1]',
    'userANov  4 10:13:12 mx',
    'userA2026-11-24T10:13:12.123456+01:00 mx postfix/qmgr[1]: 784DF2143DA: removed',
    'userA<22>Nov 24 10:13:12 mx postfix/qmgr[1]: 784DF2143DA: removed',
    'Nov 24 10:13:12 mx postfix/qmgr[1]: 784DF2143DA: removed',
  ])('with another line glued to it names nobody: %s', (login) => {
    const text = `${id}: client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=${login}`;
    expect(fields('smtpd', text)).toEqual({
      malformed: 'smtpd: another line begins inside the login at column 118',
    });
  });
});

describe('what the process has open', () => {
  const reply = '250 2.0.0 Ok: queued as 39A399B2086';
  const context = 'from=<a@x.test> to=<r@ok.test> proto=ESMTP helo=<client.test>';
  test.each([
    [
      `proxy-accept: END-OF-MESSAGE: ${reply}; ${context} sasl_username=<thief>`,
      { accepted: true, reply, queuedAs: '39A399B2086', claimedLogin: 'thief' },
    ],
    [`proxy-accept: END-OF-MESSAGE: ${reply}; ${context}`, { accepted: true, reply, queuedAs: '39A399B2086' }],
    [`proxy-reject: END-OF-MESSAGE: 550 5.7.1 not here; ${context}`, { accepted: false, reply: '550 5.7.1 not here' }],
    // The sender is a stranger's.
    [
      `proxy-accept: END-OF-MESSAGE: 250 ok; from=<"250 Ok: queued as 784DF2143DA; from=<x"@y> to=<z>`,
      { accepted: true, reply: '250 ok' },
    ],
    [
      'proxy-accept: END-OF-MESSAGE: 250 ok',
      { malformed: 'smtpd: no reply and sender after proxy-accept or proxy-reject at column 41' },
    ],
  ])('%s', (text, expected) => {
    const whole = 'malformed' in expected ? expected : { kind: 'proxyReply', ...expected };
    expect(fields('smtpd', text)).toEqual(whole);
  });

  test.each([
    ['lost connection after DATA (53 bytes) from unknown[127.0.0.1]', 'DATA'],
    ['lost connection after BDAT (53 bytes) from unknown[127.0.0.1]:25', 'BDAT'],
    ['lost connection after RCPT from a.b[::1]', 'RCPT'],
    ['timeout after END-OF-MESSAGE from unknown[127.0.0.1]', 'END-OF-MESSAGE'],
    ['too many errors after UNKNOWN from unknown[127.0.0.1]', 'UNKNOWN'],
  ])('%s', (text, after) => {
    expect(fields('smtpd', text)).toMatchObject({ kind: 'sessionLost', after });
  });

  test.each([
    'lost connection after DATA from nowhere',
    'lost connection after DATA from a[::1] and more',
    'too many errors',
    'timeout',
  ])('%s is a note', (text) => {
    expect(fields('smtpd', text)).toEqual({ ignored: 'note' });
  });
});

describe('a failed AUTH', () => {
  const failure = { kind: 'authFailure', client: '127.0.0.1', saslMethod: 'LOGIN' };
  test.each([
    ['LOGIN authentication failed: authentication failure', { ...failure, reason: 'authentication failure' }],
    ['LOGIN authentication failed: UGFzc3dvcmQ6', { ...failure, reason: 'UGFzc3dvcmQ6' }],
    ['LOGIN authentication failed', failure],
    ['LOGIN authentication failed: ', failure],
    ['LOGIN authentication aborted', { ...failure, reason: 'aborted' }],
    [
      'LOGIN authentication failed: (reason unavailable), sasl_username=a, b=c',
      { ...failure, reason: '(reason unavailable)', login: 'a, b=c' },
    ],
    ['LOGIN authentication failed: x, sasl_username=(unavailable)', { ...failure, reason: 'x' }],
  ])('%s', (text, expected) => {
    expect(fields('smtpd', `warning: unknown[127.0.0.1]: SASL ${text}`)).toEqual(expected);
  });

  test('with a mechanism that is none names nobody', () => {
    const typed =
      '"PLAIN authentication failed: q, sasl_username=victim" authentication failed: no mechanism available';
    const text = `warning: unknown[127.0.0.1]: SASL ${typed}, sasl_username=(unavailable)`;
    const reason = `${typed}, sasl_username=(unavailable)`;
    expect(fields('smtpd', text)).toEqual({ kind: 'authFailure', client: '127.0.0.1', reason });
  });

  test('keeps the port where it is logged', () => {
    expect(fields('smtpd', 'warning: a.b[2001:db8::1]:25: SASL LOGIN authentication failed: x')).toEqual({
      ...failure,
      client: '2001:db8::1',
      clientPort: 25,
      reason: 'x',
    });
  });

  test.each([
    'warning: SASL authentication failure: Password verification failed',
    'warning: non-SMTP command from unknown[1.2.3.4]: SASL x authentication failed: y, sasl_username=victim',
    'warning: hostname evil.test does not resolve to address 1.2.3.4',
  ])('%s is another warning', (text) => {
    expect(fields('smtpd', text)).toEqual({ ignored: 'warning' });
  });
});

describe('an action', () => {
  test.each([
    [
      `${id}: reject: RCPT from unknown[127.0.0.1]: 450 4.3.0 <f@r.test>: Recipient address rejected: parked; from=<s@x> to=<f@r.test> proto=ESMTP helo=<c>`,
      'reject',
      id,
    ],
    [
      'NOQUEUE: reject: RCPT from unknown[127.0.0.1]:25: 554 5.7.1 <r@ok.test>: Relay access denied; from=<q@x.test>',
      'reject',
      undefined,
    ],
    [
      'NOQUEUE: hold: RCPT from unknown[127.0.0.1]: <userA>: SASL login name triggers HOLD; from=<a@b> to=<c@d>',
      'hold',
      undefined,
    ],
    [`${id}: discard: END-OF-MESSAGE from unknown[127.0.0.1]: <END-OF-MESSAGE>: x; from=<a@b>`, 'discard', id],
    [
      'NOQUEUE: milter-reject: CONNECT from unknown[127.0.0.1]: 451 4.7.1 Service unavailable; proto=SMTP',
      'reject',
      undefined,
    ],
  ])('%s', (text, action, queueId) => {
    expect(fields('smtpd', text)).toMatchObject({ kind: 'action', action, client: '127.0.0.1' });
    expect((fields('smtpd', text) as { queueId?: string }).queueId).toBe(queueId);
  });

  test('names no client that it cannot know', () => {
    const text = 'proxy-reject: END-OF-MESSAGE: 554 5.7.1 x from evil[6.6.6.6]: y; from=<a@b>';
    expect(fields('smtpd', `NOQUEUE: ${text}`)).toEqual({
      kind: 'action',
      action: 'reject',
      stage: 'END-OF-MESSAGE',
      text: 'END-OF-MESSAGE: 554 5.7.1 x from evil[6.6.6.6]: y; from=<a@b>',
    });
  });

  test.each([
    ['helo=<c> sasl_username=<thief>', 'thief'],
    ['helo=<c> sasl_method=PLAIN sasl_username=a b', 'a b'],
    ['helo=<c> sasl_method=PLAIN sasl_username=thief sasl_sender=x+20y', 'thief'],
    ['helo=<c> sasl_method=PLAIN sasl_username=thief sasl_sender=x sasl_sender=y', 'thief'],
    ['helo=<c> sasl_sender=x sasl_method=PLAIN sasl_username=victim', undefined],
    ['helo=<c>', undefined],
    ['helo=<c> sasl_sender=x', undefined],
    ['helo=<c> sasl_username=<>', undefined],
    ['helo=<c', undefined],
    // smtpd takes blanks and brackets out of HELO, so this stood in the sender.
    ['from=<" helo=<c> sasl_username=<victim>"@x> to=<y> proto=ESMTP helo=<c>', undefined],
    ['from=<" helo=<c> sasl_username=<victim>"@x> to=<y> proto=SMTP', '<victim>"@x> to=<y> proto=SMTP'],
  ])('claims a login behind the HELO: %s', (tail, login) => {
    const text = `NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 450 4.7.1 Ratelimit exceeded; from=<a@b> to=<c@d> proto=ESMTP ${tail}`;
    const found = fields('smtpd', text);
    expect(found).toMatchObject({ kind: 'action', action: 'reject', stage: 'RCPT', client: '127.0.0.1' });
    expect((found as { claimedLogin?: string }).claimedLogin).toBe(login);
    expect(found).not.toHaveProperty('login');
  });

  test.each([
    ['NOQUEUE: reject_warning: RCPT from unknown[1.2.3.4]: 554 x', 'warning'],
    [`${id}: filter: RCPT from unknown[1.2.3.4]: action FILTER`, 'note'],
    ['NOQUEUE: permit: RCPT from unknown[1.2.3.4]: action permit for x', 'note'],
  ])('%s acts on nothing', (text, kind) => {
    expect(fields('smtpd', text)).toEqual({ ignored: kind });
  });
});

test.each([
  ['connect from unknown[127.0.0.1]:4711', { kind: 'connect', client: '127.0.0.1', clientPort: 4711 }],
  ['connect from a.b[::1]', { kind: 'connect', client: '::1' }],
  [
    'disconnect from unknown[127.0.0.1] ehlo=1 auth=0/1 quit=1 commands=2/3',
    { kind: 'disconnect', client: '127.0.0.1' },
  ],
  [
    'disconnect from unknown[127.0.0.1] ehlo=1 mail=3 rcpt=3 data=2/3 quit=1 commands=11/12',
    { kind: 'disconnect', client: '127.0.0.1', dataAccepted: 2 },
  ],
  ['connect from nowhere', { malformed: 'smtpd: connect without NAME[ADDRESS] at column 54' }],
  ['Anonymous TLS connection established from unknown[127.0.0.1]: TLSv1.3', { ignored: 'note' }],
  ['fatal: no SASL authentication mechanisms', { ignored: 'fatal' }],
  [`message repeated 3 times: [ ${id}: client=unknown[127.0.0.1]]`, { ignored: 'repeated' }],
  ['', { ignored: 'note' }],
])('%s', (text, expected) => {
  expect(fields('smtpd', text)).toEqual(expected);
});
