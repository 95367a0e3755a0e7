import { expect, test } from 'vitest';
import { byCore, byEngine } from './ids.fixture.ts';

/** `SECOND PROGRAM TEXT` each, as a relay logs them. */
function logOf(...lines: string[]): string {
  return lines
    .map((line) => {
      const [, second = '', tag = '', text = ''] = /^(\d+) (\S+) (.*)$/.exec(line) ?? [];
      return `Nov 24 10:00:${second.padStart(2, '0')} mx1 ${tag}: ${text}\n`;
    })
    .join('');
}

/** `ID ACCOUNT direct|derived`, on which the core and the engine agree. */
function rowsOf(log: string): string[] {
  const rows = byCore(log);
  expect(byEngine([Buffer.from(log)])).toEqual(rows);
  return rows.map((row) => {
    const { queueId, account, attribution } = JSON.parse(row);
    return `${queueId} ${account} ${attribution}`;
  });
}

const login = 'client=h[192.0.2.7], sasl_method=PLAIN, sasl_username=thief';
const active = (id: string): string => `postfix/qmgr[2] ${id}: from=<s@x.test>, size=1, nrcpt=1 (queue active)`;
const proxyAccept = (id: string): string =>
  `proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as ${id}; from=<s@x.test> to=<r@y.test> proto=ESMTP helo=<h>`;

test('behind a before-queue proxy the message that it puts back in is the account’s', () => {
  const log = logOf(
    `1 postfix/smtpd[7] NOQUEUE: ${login}`,
    '2 postfix/after/smtpd[9] AAAAAA0001: client=h[127.0.0.1]',
    `2 ${active('AAAAAA0001')}`,
    `3 postfix/smtpd[7] ${proxyAccept('AAAAAA0001')}`,
  );
  expect(rowsOf(log)).toEqual(['AAAAAA0001 thief derived']);
});

test('I1: a proxy’s answer is its own process’s, about its last transaction, at that time; two answers are nobody’s', () => {
  const child = ['2 postfix/after/smtpd[9] AAAAAA0001: client=h[127.0.0.1]', `2 ${active('AAAAAA0001')}`];
  const stranger = 'client=h[198.51.100.9]';
  expect(
    rowsOf(logOf(`1 postfix/smtpd[7] NOQUEUE: ${login}`, ...child, `3 postfix/smtpd[8] ${proxyAccept('AAAAAA0001')}`)),
  ).toEqual([]);
  expect(
    rowsOf(
      logOf(
        `1 postfix/smtpd[7] NOQUEUE: ${login}`,
        `2 postfix/smtpd[7] NOQUEUE: ${stranger}`,
        ...child,
        `3 postfix/smtpd[7] ${proxyAccept('AAAAAA0001')}`,
      ),
    ),
  ).toEqual([]);
  expect(
    rowsOf(
      logOf(...child, `30 postfix/smtpd[7] NOQUEUE: ${login}`, `31 postfix/smtpd[7] ${proxyAccept('AAAAAA0001')}`),
    ),
  ).toEqual([]);
  expect(
    rowsOf(
      logOf(
        `1 postfix/smtpd[7] NOQUEUE: ${login}`,
        `1 postfix/smtpd[8] NOQUEUE: ${login.replace('thief', 'alice')}`,
        ...child,
        `3 postfix/smtpd[7] ${proxyAccept('AAAAAA0001')}`,
        `3 postfix/smtpd[8] ${proxyAccept('AAAAAA0001')}`,
      ),
    ),
  ).toEqual([]);
});

test('a transaction that came to nothing does not hide the next one of its process behind a proxy', () => {
  const log = logOf(
    '1 postfix/smtpd[7] NOQUEUE: client=h[198.51.100.9]',
    `5 postfix/smtpd[7] NOQUEUE: ${login}`,
    '6 postfix/after/smtpd[9] AAAAAA0001: client=h[127.0.0.1]',
    `6 ${active('AAAAAA0001')}`,
    `7 postfix/smtpd[7] ${proxyAccept('AAAAAA0001')} sasl_username=<thief>`,
  );
  expect(rowsOf(log)).toEqual(['AAAAAA0001 thief derived']);
  // Within one second, the proxy's own word tells.
  expect(rowsOf(log.replace('10:00:01', '10:00:05'))).toEqual(['AAAAAA0001 thief derived']);
});

test('what a scanner made of a held message, under another ID, is the account’s', () => {
  const log = logOf(
    `1 postfix/smtpd[7] AAAAAA0001: ${login}`,
    '1 postfix/cleanup[3] AAAAAA0001: message-id=<m@x>',
    '1 postfix/cleanup[3] AAAAAA0001: hold: header Received: from h from h[192.0.2.7]; from=<s@x.test> to=<r@y.test>',
    '5 MailScanner[4] Requeue: AAAAAA0001.A3F46 to BBBBBB0002',
    `6 ${active('BBBBBB0002')}`,
  );
  expect(rowsOf(log)).toEqual(['AAAAAA0001 thief direct', 'BBBBBB0002 thief derived']);
});

const hold = 'hold: header Subject: x from h[192.0.2.7]; from=<s@x.test> to=<r@y.test> proto=ESMTP helo=<h>';

test('a header check’s hold makes no message where the client was lost in DATA', () => {
  const log = logOf(
    `1 postfix/smtpd[7] AAAAAA0001: ${login}`,
    `2 postfix/cleanup[3] AAAAAA0001: ${hold}`,
    '9 postfix/smtpd[7] lost connection after DATA (900 bytes) from h[192.0.2.7]',
  );
  expect(rowsOf(log)).toEqual([]);
  // Another process’s client, or another transaction of this one, or after the message’s end: no word about this one.
  expect(rowsOf(log.replace('[7]: lost', '[8]: lost'))).toEqual(['AAAAAA0001 thief direct']);
  expect(rowsOf(log.replace('after DATA (900 bytes)', 'after END-OF-MESSAGE'))).toEqual(['AAAAAA0001 thief direct']);
  const next = logOf(`5 postfix/smtpd[7] BBBBBB0002: ${login}`);
  expect(rowsOf(log.replace(/^.*lost/m, (lost) => next + lost))).toEqual(['AAAAAA0001 thief direct']);
});

test('a hold at a command is a message only where cleanup told of one; a check of the whole overrules a hold', () => {
  const promise = logOf(
    `1 postfix/smtpd[7] AAAAAA0001: ${login}`,
    '1 postfix/smtpd[7] AAAAAA0001: hold: RCPT from h[192.0.2.7]: <r@y.test>: x; from=<s@x.test> to=<r@y.test> proto=ESMTP helo=<h>',
  );
  expect(rowsOf(promise)).toEqual([]);
  expect(rowsOf(promise + logOf('2 postfix/cleanup[3] AAAAAA0001: message-id=<m@x>'))).toEqual([
    'AAAAAA0001 thief direct',
  ]);
  const held = logOf(`1 postfix/smtpd[7] AAAAAA0001: ${login}`, `2 postfix/cleanup[3] AAAAAA0001: ${hold}`);
  const refused = logOf(`2 postfix/cleanup[3] AAAAAA0001: ${hold.replace('hold', 'reject')}`);
  const otherRecipient =
    '2 postfix/smtpd[7] AAAAAA0001: reject: RCPT from h[192.0.2.7]: 550 5.1.1 <z@y.test>: x; from=<s@x.test> to=<z@y.test> proto=ESMTP helo=<h>';
  expect(rowsOf(held + refused)).toEqual([]);
  expect(rowsOf(held + logOf(otherRecipient))).toEqual(['AAAAAA0001 thief direct']);
});

test('I1: two logins’ proxied mail within a second is nobody’s, since its order is not told', () => {
  const log = logOf(
    `1 postfix/smtpd[7] NOQUEUE: ${login}`,
    '2 postfix/after/smtpd[9] AAAAAA0001: client=h[127.0.0.1]',
    `2 ${active('AAAAAA0001')}`,
    `3 postfix/smtpd[7] ${proxyAccept('AAAAAA0001')}`,
    `3 postfix/smtpd[7] NOQUEUE: ${login.replace('thief', 'alice')}`,
    '4 postfix/after/smtpd[9] BBBBBB0002: client=h[127.0.0.1]',
    `4 ${active('BBBBBB0002')}`,
    `5 postfix/smtpd[7] ${proxyAccept('BBBBBB0002')}`,
  );
  expect(rowsOf(log)).toEqual(['BBBBBB0002 alice derived']);
});

test('what was taken and thrown away was a message, and is over', () => {
  const log = logOf(
    `1 postfix/smtpd[7] AAAAAA0001: ${login}`,
    `2 postfix/cleanup[3] AAAAAA0001: ${hold.replace('hold', 'discard')}`,
  );
  expect(rowsOf(log)).toEqual(['AAAAAA0001 thief direct']);
  expect(byCore(log, 'open')).toEqual([]);
  expect(byEngine([Buffer.from(log)], { rows: 'open' })).toEqual([]);
});
