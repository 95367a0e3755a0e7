import { describe, expect, test } from 'vitest';
import { fields, record } from './testing.ts';

const id = '4jYgNl4TtXzJ9C7';
const child = '4jYgNl551qzJ9CD';
const numbers = 'delay=0.1, delays=0.02/0.04/0.04/0';
const sent = {
  kind: 'delivery',
  queueId: id,
  recipient: 'cf@ok.test',
  delaySeconds: 0.1,
  dsn: '2.0.0',
  status: 'sent',
};

function delivery(text: string, program = 'smtp'): unknown {
  return fields(program, `${id}: ${text}`);
}

test('I1: a line that was torn off in the recipient, with another one glued on, links nothing', () => {
  const rest = `>, relay=f[127.0.0.1]:10025, ${numbers}, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ${child})`;
  expect(delivery(`to=<a@b.te${rest}`)).toMatchObject({ queuedAs: child });
  for (const stamp of ['Mar  2 06:01:03', '2026-03-02T06:01:03.5+00:00']) {
    const found = delivery(`to=<a@b.te${stamp} mx1 postfix/smtp[9]: AAD473B3FBF: c@d.test${rest}`);
    expect(found).toMatchObject({ queueId: id, status: 'sent' });
    expect(found).not.toHaveProperty('queuedAs');
  }
});

describe('a delivery line', () => {
  test.each([
    [
      `to=<cf@ok.test>, relay=127.0.0.1[127.0.0.1]:2526, ${numbers}, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ${child})`,
      {
        ...sent,
        remoteName: '127.0.0.1',
        remoteAddress: '127.0.0.1',
        remotePort: 2526,
        reply: `250 2.0.0 Ok: queued as ${child}`,
        queuedAs: child,
      },
    ],
    [
      `to=<cf@ok.test>, orig_to=<root>, relay=mx.test[2001:db8::1]:25, conn_use=3, ${numbers}, tls=TLSv1.3, dsn=2.0.0, status=sent (250 ok)`,
      { ...sent, origTo: 'root', remoteName: 'mx.test', remoteAddress: '2001:db8::1', remotePort: 25, reply: '250 ok' },
    ],
    [
      `to=<cf@ok.test>, relay=local, ${numbers}, dsn=2.0.0, status=sent (delivered to mailbox)`,
      { ...sent, reply: 'delivered to mailbox' },
    ],
    [
      `to=<cf@ok.test>, relay=mx.test[private/dovecot-lmtp], ${numbers}, dsn=2.0.0, status=sent (250 2.0.0 Saved)`,
      { ...sent, remoteName: 'mx.test', reply: '250 2.0.0 Saved' },
    ],
    [
      `to=<cf@ok.test>, relay=none, delay=12345, delays=12345/0/0/0, dsn=4.4.1, status=deferred (connect to a[1.2.3.4]:25: Connection refused)`,
      {
        ...sent,
        delaySeconds: 12_345,
        dsn: '4.4.1',
        status: 'deferred',
        reply: 'connect to a[1.2.3.4]:25: Connection refused',
      },
    ],
    // Before 2.3: neither delays nor dsn.
    [
      'to=<cf@ok.test>, relay=none, delay=0, status=bounced (unknown user: "cf")',
      {
        kind: 'delivery',
        queueId: id,
        recipient: 'cf@ok.test',
        delaySeconds: 0,
        status: 'bounced',
        reply: 'unknown user: "cf"',
      },
    ],
    [
      `to=<cf@ok.test>, relay=none, ${numbers}, dsn=5.1.1, status=undeliverable (address probe)`,
      { ...sent, dsn: '5.1.1', status: 'undeliverable', reply: 'address probe' },
    ],
    [
      `to=<cf@ok.test>, relay=none, ${numbers}, dsn=5.1.1, status=SOFTBOUNCE (x)`,
      { ...sent, dsn: '5.1.1', status: 'deferred', reply: 'x' },
    ],
  ])('%s', (text, expected) => {
    expect(delivery(text)).toEqual(expected);
  });

  test('keeps a reply with nested parentheses, commas and a copy of a record whole', () => {
    const copy = `${id}: to=<a@b>, relay=127.0.0.1[127.0.0.1]:25, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ${child})`;
    const reply = `host mx[1.2.3.4] said: 550 5.7.1 (a (b), c) ${copy}`;
    expect(delivery(`to=<x@y>, relay=mx[1.2.3.4]:25, ${numbers}, dsn=5.7.1, status=bounced (${reply})`)).toEqual({
      kind: 'delivery',
      queueId: id,
      recipient: 'x@y',
      remoteName: 'mx',
      remoteAddress: '1.2.3.4',
      remotePort: 25,
      delaySeconds: 0.1,
      dsn: '5.7.1',
      status: 'bounced',
      reply,
    });
  });

  test.each([
    '"a b"@ok.test',
    '"a>, relay=x, b"@ok.test',
    '"a\\">, relay=x[127.0.0.1]:1, b"@ok.test',
    '"\\\\"@ok.test',
    '',
    'a>b@ok.test',
  ])('finds the end of the recipient %j', (recipient) => {
    const text = `to=<${recipient}>, relay=mx[1.2.3.4]:25, ${numbers}, dsn=2.0.0, status=sent (250 ok)`;
    expect(delivery(text)).toMatchObject({ recipient, remoteAddress: '1.2.3.4', reply: '250 ok' });
  });

  test('of an older Postfix, which quotes nothing', () => {
    const recipient = 'a">, relay=x, b@ok.test';
    const text = `to=<${recipient}>, relay=mx[1.2.3.4]:25, ${numbers}, dsn=2.0.0, status=sent (250 ok)`;
    expect(delivery(text)).toMatchObject({ recipient, remoteAddress: '1.2.3.4' });
  });

  test.each(['smtp', 'lmtp', 'local', 'virtual', 'pipe', 'error', 'discard', 'qmgr', 'cleanup'])('of %s', (program) => {
    expect(delivery(`to=<cf@ok.test>, relay=none, ${numbers}, dsn=2.0.0, status=sent (x)`, program)).toMatchObject(
      sent,
    );
  });

  test.each([
    'to=<a@b>',
    'to=<a@b',
    `to=<a@b>, relay=none, ${numbers}, dsn=2.0.0, status=lost (x)`,
    'to=<a@b>, relay=none, dsn=2.0.0, status=sent (x)',
    'to=<a@b>, relay=none, delay=x, status=sent (x)',
    `to=<a@b>, relay=none, ${numbers}`,
  ])('%s is malformed, and says where', (text) => {
    expect(delivery(text)).toEqual({ malformed: expect.stringMatching(/^delivery: .* at column \d+$/) });
  });

  test.each([
    'connect to 127.0.0.1[127.0.0.1]:2601: Connection refused',
    `${id}: host mx[1.2.3.4] said: 450 x (in reply to RCPT TO command)`,
  ])('%s is a note', (text) => {
    expect(fields('smtp', text)).toEqual({ ignored: 'note' });
  });
});

describe('queued as', () => {
  function queuedAs(tail: string, recipient = 'a@b'): string | undefined {
    const text = `${id}: to=<${recipient}>, relay=mx[1.2.3.4]:25, ${numbers}, dsn=2.0.0, ${tail}`;
    const delivered = record('smtp', text);
    return delivered.kind === 'delivery' ? delivered.queuedAs : undefined;
  }

  test.each([
    `250 2.0.0 Ok: queued as ${child}`,
    `250 Ok: queued as ${child}`,
    `250 2.0.0 Ok: 1234 bytes queued as ${child}`,
    `250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as ${child}`,
    `250 2.6.0 Ok, id=12345-01, from MTA([127.0.0.1]:10025): 250 2.0.0 Ok: queued as ${child}`,
  ])('is read from %s', (reply) => {
    expect(queuedAs(`status=sent (${reply})`)).toBe(child);
  });

  test.each([
    `status=sent (250 2.0.0 Ok: queued as ${child} `,
    `status=sent (250 2.0.0 Ok: queued as ${child}`,
    `status=sent (250 2.0.0 Ok: queued as ${child} thanks)`,
    `status=sent (250 2.0.0 OK: queued as ${child})`,
    `status=sent (queued as ${child})`,
    `status=sent (550 Ok: queued as ${child})`,
    'status=sent (250 2.0.0 Ok: queued as -r)',
    'status=sent (250 2.0.0 Ok: queued as ../x)',
    `status=deferred (250 2.0.0 Ok: queued as ${child})`,
    `status=bounced (host mx[1.2.3.4] said: 250 2.0.0 Ok: queued as ${child})`,
    `status=sent (250 2.0.0, relay=127.0.0.1[127.0.0.1]:25, Ok: queued as ${child})`,
  ])('is not read from %s', (tail) => {
    expect(queuedAs(tail)).toBeUndefined();
  });

  test('is not read where the recipient may have written it', () => {
    const forged = `a@b>, relay=127.0.0.1[127.0.0.1]:25, ${numbers}, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ${child})`;
    expect(queuedAs(`status=sent (250 2.0.0 Ok: queued as ${id})`, forged)).toBeUndefined();
  });
});
