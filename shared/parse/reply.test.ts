import { expect, test } from 'vitest';
import { blocklistIn, type ReplyClass, refusalClass, replyClass } from './reply.ts';

const said = 'host mx.spamhaus-customers.test[192.0.2.1] said: ';

test.each<[ReplyClass, string, string]>([
  [
    'unknown-user',
    '5.1.1',
    '550-5.1.1 The email account that you tried to reach does not exist. gsmtp (in reply to RCPT TO command)',
  ],
  ['unknown-user', '5.1.10', '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'],
  [
    'unknown-user',
    '5.1.1',
    '550 5.1.1 <spam@x.test>: Recipient address rejected: User unknown in virtual mailbox table',
  ],
  ['other', '5.0.0', '550 Requested action not taken: mailbox unavailable'],
  ['auth-policy', '5.1.8', '550 5.1.8 Access denied, bad outbound sender'],
  ['mailbox-full', '5.2.2', '552-5.2.2 The email account that you tried to reach is over quota.'],
  [
    'reputation-block',
    '5.7.1',
    '554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org',
  ],
  [
    'reputation-block',
    '5.7.1',
    "550 5.7.1 Unfortunately, messages from [192.0.2.9] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).",
  ],
  ['reputation-block', '5.7.606', '550 5.7.606 Access denied, banned sending IP [192.0.2.9]'],
  [
    'reputation-block',
    '5.7.1',
    '550-5.7.1 [192.0.2.9] Our system has detected that this message is likely suspicious due to the very low reputation of the sending IP address.',
  ],
  [
    'reputation-block',
    '5.7.2',
    '553 5.7.2 [TSS09] All messages from 192.0.2.9 will be permanently deferred; Retrying will NOT succeed.',
  ],
  ['reputation-block', '5.3.0', '553 5.3.0 flpd575 DNSBL:RBL 521< 192.0.2.9 >_is_blocked.'],
  [
    'reputation-block',
    '5.0.0',
    '554 IP=192.0.2.9 - A problem occurred. Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify. (BL)',
  ],
  [
    'content-reject',
    '5.7.1',
    '550-5.7.1 [192.0.2.9] Our system has detected that this message is likely unsolicited mail. To reduce the amount of spam sent to Gmail, this message has been blocked.',
  ],
  ['content-reject', '5.7.1', '554 5.7.1 Message contains a virus (Eicar-Test-Signature)'],
  [
    'auth-policy',
    '5.7.26',
    '550-5.7.26 Unauthenticated email from x.test is not accepted due to domain’s DMARC policy.',
  ],
  ['auth-policy', '5.7.1', '554 5.7.1 <r@ok.test>: Relay access denied'],
  ['auth-policy', '5.4.1', '550 5.4.1 Recipient address rejected: Access denied.'],
  ['rate-limit', '5.4.5', '550 5.4.5 Daily user sending limit exceeded.'],
])('a bounce is %s (%s): %s', (expected, dsn, reply) => {
  expect(replyClass('bounced', dsn, `${said}${reply}`)).toBe(expected);
});

test.each<[ReplyClass, string, string]>([
  [
    'greylisted',
    '4.2.0',
    `${said}450 4.2.0 <x@y>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/x.html`,
  ],
  ['greylisted', '4.7.1', `${said}451 4.7.1 Greylisting in action, please come back in 00:05:00`],
  [
    'greylisted',
    '4.0.0',
    `${said}451 Internal resources are temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451`,
  ],
  [
    'rate-limit',
    '4.7.28',
    `${said}421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address.`,
  ],
  ['rate-limit', '4.7.500', `${said}451 4.7.500 Server busy. Please try again later from [192.0.2.9]. (S77714)`],
  ['rate-limit', '4.5.3', `${said}452 4.5.3 Too many recipients`],
  [
    'reputation-block',
    '4.7.650',
    `${said}451 4.7.650 The mail server [192.0.2.9] has been temporarily rate limited due to IP reputation.`,
  ],
  [
    'reputation-block',
    '4.7.0',
    `${said}421 4.7.0 [TSS04] Messages from 192.0.2.9 temporarily deferred due to unexpected volume or user complaints`,
  ],
  ['mailbox-full', '4.2.2', `${said}452-4.2.2 The recipient's inbox is out of storage space.`],
  ['network', '4.4.1', 'connect to 127.0.0.1[127.0.0.1]:2601: Connection refused'],
  ['network', '4.4.1', 'delivery temporarily suspended: connect to mx.test[127.0.0.1]:25: Connection timed out'],
  [
    'network',
    '4.4.3',
    'Host or domain name not found. Name service error for name=x.test type=MX: Host not found, try again',
  ],
  ['network', '4.4.2', 'lost connection with mx.test[192.0.2.1] while receiving the initial server greeting'],
  // Not permanent: no unknown user.
  ['other', '4.1.1', `${said}450 4.1.1 <x@y>: Recipient address rejected: unverified address`],
  ['other', '4.3.2', 'deferred transport'],
  ['other', '4.3.0', `${said}450 4.3.0 Error: command failed (in reply to RCPT TO command)`],
])('a deferral is %s (%s): %s', (expected, dsn, reply) => {
  expect(replyClass('deferred', dsn, reply)).toBe(expected);
});

test('what was delivered is no refusal, whatever the remote adds', () => {
  expect(replyClass('sent', '2.0.0', '250 2.0.0 Ok: listed by spamhaus.org')).toBe('other');
});

test('the names of hosts and people are no words of the reply', () => {
  expect(replyClass('deferred', '4.3.0', `${said}450 <spam-virus@dmarc.test>: try later`)).toBe('other');
});

test('a long hostile reply costs little', () => {
  const started = performance.now();
  for (const filler of ['<', 'listed at ', 'mailbox', 'x', '] said: ', 'rate ']) {
    for (let times = 0; times < 100; times++) replyClass('bounced', undefined, filler.repeat(100_000));
  }
  expect(performance.now() - started).toBeLessThan(5000);
});

test.each([
  ['spamhaus', '554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org'],
  ['spamcop', '550 5.7.1 blocked using bl.spamcop.net; Blocked - see https://www.spamcop.net/bl.shtml?192.0.2.9'],
  [
    'barracuda',
    '554 Service unavailable; blocked using Barracuda Reputation; http://www.barracudanetworks.com/reputation/',
  ],
  ['uceprotect', '550 5.7.1 Listed at dnsbl-1.uceprotect.net'],
  ['nixspam', '554 5.7.1 blocked using ix.dnsbl.manitu.net'],
  ['proofpoint', '550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.9'],
  ['microsoft', "550 5.7.1 messages weren't sent. part of their network is on our block list (S3140)."],
  ['t-online', '554 IP=192.0.2.9 - contact tosa@rx.t-online.de'],
  [undefined, '550 5.7.1 Our system has detected that this message is likely unsolicited mail'],
  [undefined, '554 5.7.1 <spamhaus@x.test>: Relay access denied'],
])('the blocklist %s is named in %s', (list, reply) => {
  expect(blocklistIn(`${said}${reply}`)).toBe(list);
});

test.each<[ReplyClass, string]>([
  ['rate-limit', '450 4.7.1 Ratelimit "user" exceeded; from=<a@b> to=<c@d> proto=ESMTP helo=<e>'],
  ['rate-limit', '4.7.1 Ratelimit "user" exceeded; from=<a@b> to=<c@d>'],
  ['rate-limit', '554 5.7.1 <c@d>: Recipient address rejected: Policy Rejection: Quota exceeded; from=<a@b> to=<c@d>'],
  ['rate-limit', '421 4.7.1 <c@d>: Recipient address rejected: sorry, max 50 mails per hour; from=<a@b>'],
  ['content-reject', '5.7.1 Spam message rejected; from=<a@b> to=<c@d>'],
  ['auth-policy', '554 5.7.1 <r@ok.test>: Relay access denied; from=<rate-limit@b> to=<r@ok.test>'],
  ['unknown-user', '550 5.1.1 <x@y>: Recipient address rejected: User unknown; from=<a@b>'],
  ['other', '<userA>: SASL login name triggers HOLD; from=<a@b> to=<c@d>'],
])('a refusal by Postfix or one of its limiters is %s: %s', (expected, text) => {
  expect(refusalClass(text)).toBe(expected);
});

test.each<[ReplyClass, string, string]>([
  ['content-reject', '5.7.1', '550 5.7.1 [CS01] Message rejected due to local policy.'],
  ['content-reject', '5.7.1', '554 Message not allowed - [PH01] Email not accepted for policy reasons.'],
  ['content-reject', '5.0.0', '550 Mail rejete. Mail rejected. OFR_506 [506]'],
  [
    'reputation-block',
    '5.0.0',
    "554-mx.test Your access to this mail system has been rejected due to the sending MTA's poor reputation.",
  ],
  ['reputation-block', '5.0.0', '554 5.7.1 : (DYN:T1) http://postmaster.info.aol.com/errors/554dynt1.html'],
  ['mailbox-full', '5.2.2', '552 5.2.2 user is over the quota'],
])('a large provider means %s (%s): %s', (expected, dsn, reply) => {
  expect(replyClass('bounced', dsn, `${said}${reply}`)).toBe(expected);
});

test.each<[ReplyClass, string, string]>([
  ['greylisted', '4.7.0', '421 4.7.0 [GL01] Message from (192.0.2.9) temporarily deferred'],
  [
    'rate-limit',
    '4.2.1',
    '450-4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages',
  ],
  ['rate-limit', '4.0.0', '421 Too many connections, slow down. OFR004_104 [104]'],
  ['rate-limit', '4.2.0', '421 4.2.0 mx.test too many sessions opened'],
])('a large provider defers as %s (%s): %s', (expected, dsn, reply) => {
  expect(replyClass('deferred', dsn, `${said}${reply}`)).toBe(expected);
});
