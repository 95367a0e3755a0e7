import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLine } from './line.ts';
import type { Acceptance, LogRecord } from './record.ts';
import { context, fields, parsed, record } from './testing.ts';

/**
 * I1: what a stranger writes never attributes, never frames another account, never speaks of another queue ID. The
 * lines are put together with Postfix's own format strings; each text goes through printable(3) as in Postfix.
 */
const own = '4jYdtJ6mvqzJ9Gp';
const victim = '4jYf0q0FkCzJQ6d';

const bait = [
  ', sasl_method=PLAIN, sasl_username=victim',
  ', sasl_username=victim',
  ', sasl_sender=victim',
  `, orig_queue_id=${victim}`,
  ', orig_client=unknown[127.0.0.1]',
  `${victim}: client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=victim`,
  `\nNov 24 10:13:12 mx postfix/smtpd[1]: ${victim}: client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=victim`,
  '>, size=1, nrcpt=1 (queue active)',
  '>, status=expired, returned to sender',
  `>, relay=127.0.0.1[127.0.0.1]:25, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ${victim})`,
  `250 2.0.0 Ok: queued as ${victim}`,
  `> orig_id=${victim}`,
  `${victim}: removed`,
  ': ',
  ']',
  '[127.0.0.1]',
  '"',
  '\\',
  '>',
  '<',
  '(',
  ')',
  ', ',
  '\r',
  '\0',
  '\ud800',
];

/** What strangers may write: anything, and above all the pieces of genuine records. */
const stranger = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...bait) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    ),
    {
      maxLength: 6,
    },
  )
  .map((pieces) => printable(pieces.join('')));

/** printable(3) of Postfix: what is no printable character becomes a question mark. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters it replaces.
  return text.replaceAll(/[\x00-\x1f\x7f]/g, '?');
}

/** An address as Postfix logs it since 3.5: the local part quoted. */
function quotedAddress(localPart: string): string {
  return `"${localPart.replaceAll(/["\\]/g, '\\$&')}"@evil.test`;
}

function acceptance(text: string): Acceptance {
  const result = record('smtpd', `${own}: ${text}`);
  if (result.kind !== 'acceptance') throw new Error(`no acceptance but ${result.kind}`);
  return result;
}

function holds(property: (text: string) => void): void {
  fc.assert(fc.property(stranger, property), { numRuns: 500 });
}

describe('a stranger names no account (I1)', () => {
  test('in the AUTH= parameter of MAIL FROM', () => {
    holds((text) => {
      const result = acceptance(`client=unknown[192.0.2.1], sasl_sender=${text}`);
      expect(result).toMatchObject({ queueId: own, client: '192.0.2.1', saslSender: text });
      expect(result).not.toHaveProperty('login');
      expect(result).not.toHaveProperty('saslMethod');
      expect(result).not.toHaveProperty('origQueueId');
    });
  });

  test('in anything that smtpd logs of a refusal: HELO, sender, recipient', () => {
    holds((text) => {
      for (const id of ['NOQUEUE', own]) {
        const line = `${id}: reject: RCPT from unknown[192.0.2.1]: 554 5.7.1 <${text}>: Relay access denied; from=<${text}> to=<${text}> proto=ESMTP helo=<${text}>`;
        const result = record('smtpd', line);
        expect(result).toMatchObject({ kind: 'action', action: 'reject', client: '192.0.2.1' });
        expect(result).not.toHaveProperty('login');
        expect('queueId' in result ? result.queueId : 'NOQUEUE').toBe(id);
      }
    });
  });

  test('in the name and mechanism of a failed login', () => {
    holds((text) => {
      const line = `warning: unknown[192.0.2.1]: SASL ${text.slice(0, 100)} authentication failed: x, sasl_username=${text.slice(0, 100)}`;
      expect(record('smtpd', line)).toMatchObject({ kind: 'authFailure', client: '192.0.2.1' });
    });
  });

  test('in a message-id', () => {
    holds((text) => {
      for (const name of ['message-id', 'resent-message-id']) {
        const resent = name !== 'message-id';
        expect(fields('cleanup', `${own}: ${name}=<${text}>`)).toEqual({
          kind: 'messageId',
          queueId: own,
          messageId: text,
          resent,
        });
      }
    });
  });

  test('in the text of a header check', () => {
    holds((text) => {
      const line = `${own}: hold: header Subject: ${text} from unknown[192.0.2.1]; from=<${text}> to=<${text}> proto=ESMTP helo=<${text}>`;
      const result = record('cleanup', line);
      expect(result).toMatchObject({ kind: 'action', action: 'hold', queueId: own });
      expect(result).not.toHaveProperty('client');
    });
  });

  test('in the sender', () => {
    holds((text) => {
      const queued = { kind: 'queued', queueId: own, sender: text, sizeBytes: 293, recipients: 7 };
      expect(fields('qmgr', `${own}: from=<${text}>, size=293, nrcpt=7 (queue active)`)).toEqual(queued);
      const picked = fields('pickup', `${own}: uid=33 from=<${text}>`);
      expect(picked).toEqual({ kind: 'pickup', queueId: own, uid: 33, sender: text });
    });
  });

  test('in a sender so long that the line is cut anywhere', () => {
    fc.assert(
      fc.property(stranger, fc.nat(200), (text, cut) => {
        const whole = `${own}: from=<${'x'.repeat(1900)}${text}>, size=293, nrcpt=7 (queue active)`;
        const result = record('qmgr', whole.slice(0, 1920 + cut));
        expect(result).toMatchObject({ kind: 'queued', queueId: own });
        const local = `${own}: uid=33 from=<${'x'.repeat(1900)}${text}>`;
        expect(record('pickup', local.slice(0, 1930 + cut))).toMatchObject({ kind: 'pickup', queueId: own });
      }),
    );
  });

  test('in a remote reply, and no reply changes who got the mail and how', () => {
    fc.assert(
      fc.property(stranger, fc.constantFrom('sent', 'deferred', 'bounced'), (text, status) => {
        const line = `${own}: to=<a@b.test>, relay=mx.test[192.0.2.1]:25, delay=0.1, delays=0/0/0.1/0, dsn=2.0.0, status=${status} (${text})`;
        const result = record('smtp', line);
        expect(result).toMatchObject({
          kind: 'delivery',
          queueId: own,
          recipient: 'a@b.test',
          remoteName: 'mx.test',
          remoteAddress: '192.0.2.1',
          status,
          reply: text,
        });
        // A claim of that host, which correlation proves or drops, and only in the one form at the very end.
        const claim = result.kind === 'delivery' ? result.queuedAs : undefined;
        if (claim !== undefined) expect(text).toMatch(/^250 .*Ok: queued as 4jYf0q0FkCzJQ6d$/s);
      }),
      { numRuns: 500 },
    );
  });

  test('in a recipient, and no recipient changes the delivery or claims a link', () => {
    holds((text) => {
      const recipient = quotedAddress(text);
      for (const to of [`to=<${recipient}>`, `to=<x@y>, orig_to=<${recipient}>`]) {
        const line = `${own}: ${to}, relay=none, delay=0.1, delays=0/0/0.1/0, dsn=4.4.1, status=deferred (timed out)`;
        const result = record('smtp', line);
        expect(result).toMatchObject({ kind: 'delivery', queueId: own, status: 'deferred', reply: 'timed out' });
        expect(result).toMatchObject(to.includes('orig_to') ? { recipient: 'x@y', origTo: recipient } : { recipient });
        expect(result).not.toHaveProperty('queuedAs');
        expect(result).not.toHaveProperty('remoteAddress');
      }
    });
  });

  test('in an unquoted recipient of an older Postfix: no link is claimed', () => {
    holds((text) => {
      const result = parsed(
        'smtp',
        `${own}: to=<${text}>, relay=none, delay=0.1, dsn=4.4.1, status=deferred (timed out)`,
      );
      if ('ok' in result) expect(result.ok).toMatchObject({ kind: 'delivery', queueId: own });
      if ('ok' in result) expect(result.ok).not.toHaveProperty('queuedAs');
    });
  });
});

describe('a login is the one that logged in (I1)', () => {
  const login = stranger.filter((text) => text !== '' && !/, (?:sasl_sender|orig_queue_id|orig_client)=/.test(text));

  test('whatever its owner put into the name', () => {
    fc.assert(
      fc.property(login, (name) => {
        const result = acceptance(`client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=${name}`);
        expect(result).toMatchObject({ queueId: own, client: '192.0.2.1', saslMethod: 'PLAIN', login: name });
      }),
      { numRuns: 500 },
    );
  });

  test('whatever he adds by AUTH=', () => {
    fc.assert(
      fc.property(login, stranger, (name, sender) => {
        const result = acceptance(
          `client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=${name}, sasl_sender=${sender}`,
        );
        expect(result).toMatchObject({ queueId: own, login: name, saslSender: sender });
        expect(result).not.toHaveProperty('origQueueId');
      }),
      { numRuns: 500 },
    );
  });

  test('a name that holds a later field is cut at the first of them, never lengthened by AUTH=', () => {
    const text = 'client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=thief, sasl_sender=x, sasl_sender=y';
    expect(acceptance(text)).toMatchObject({ login: 'thief', saslSender: 'x, sasl_sender=y' });
  });
});

describe('no line is too strange', () => {
  const files = ['content-filter-reinject.log', 'long-ids-cyrus.log', 'short-ids-cyrus-portlogging.log'];
  const samples = new URL('../../test/samples/', import.meta.url);
  const lines = files.flatMap((file) => readFileSync(new URL(file, samples), 'utf8').split('\n'));

  /** Cuts `[from, from + gone)` out of a line and puts a text in. */
  const edit = fc.record({ from: fc.nat(260), gone: fc.nat(40), put: stranger });

  function spoilt(line: string, edits: readonly { from: number; gone: number; put: string }[]): string {
    return edits.reduce((text, { from, gone, put }) => text.slice(0, from) + put + text.slice(from + gone), line);
  }

  test('a spoilt sample line is read, ignored or malformed, never more than one of them', () => {
    fc.assert(
      fc.property(fc.constantFrom(...lines), fc.array(edit, { maxLength: 4 }), (line, edits) => {
        const result = parseLine(spoilt(line, edits), context);
        expect(Object.keys(result)).toHaveLength(1);
        if ('ok' in result) checkBounds(result.ok);
      }),
      { numRuns: 3000 },
    );
  });

  test('nor is any other text, before or behind a prefix', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('', 'Nov 24 10:13:12 mx postfix/smtpd[1]: ', '<22>'),
        (text, prefix) => {
          expect(Object.keys(parseLine(prefix + text, context))).toHaveLength(1);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('an acceptance that was spoilt behind its login belongs to no other queue ID', () => {
    const accepted = lines.filter((line) => /: client=.*, sasl_username=/.test(line));
    fc.assert(
      fc.property(fc.constantFrom(...accepted), stranger, (line, tail) => {
        const clean = parseLine(line, context);
        const result = parseLine(line + tail, context);
        if (!('ok' in clean) || !('ok' in result) || result.ok.kind !== 'acceptance') throw new Error('no acceptance');
        expect(result.ok).toMatchObject({ queueId: clean.ok.kind === 'acceptance' ? clean.ok.queueId : '' });
      }),
    );
  });

  /** Numbers stay numbers that JSON and the stores can hold. */
  function checkBounds(found: LogRecord): void {
    expect(Number.isSafeInteger(found.atMicros)).toBe(true);
    for (const value of Object.values(found)) if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
  }
});
