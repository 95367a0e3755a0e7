import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseEnvelope } from './envelope.ts';

function record(type: string, text: string): Buffer {
  const body = Buffer.from(text);
  const length: number[] = [];
  for (let rest = body.length; ; rest >>= 7) {
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Buffer.from(type), Buffer.from(length), body]);
}

const size = record('C', ' '.repeat(95));
const envelope = (login: string, sender: string, client = '127.66.0.1') => [
  size,
  record('T', '1795570554 513096'),
  record('A', 'create_time=1795570554'),
  record('A', 'log_ident=4jZ2Ly3gV8z1SGpB'),
  record('A', 'sasl_method=PLAIN'),
  record('A', `sasl_username=${login}`),
  record('S', sender),
  record('A', 'log_client_address=10.0.0.1'),
  record('A', `client_address=${client}`),
];

test('reads what smtpd wrote, up to the first recipient', () => {
  const bytes = Buffer.concat([...envelope('thief', 'a@b.test'), record('R', 'r@far.test'), record('M', '')]);
  expect(parseEnvelope(bytes)).toEqual({
    whole: true,
    login: 'thief',
    sender: 'a@b.test',
    client: '127.66.0.1',
    logIdent: '4jZ2Ly3gV8z1SGpB',
    createdSeconds: 1_795_570_554,
  });
});

test('recipients are those that cleanup counted; while it has not, there is no number', () => {
  const counted = record(
    'C',
    '           2319             683              17               0            2319               0',
  );
  const [, ...rest] = envelope('thief', 'a@b.test');
  expect(parseEnvelope(Buffer.concat([counted, ...rest])).recipients).toBe(17);
  expect(parseEnvelope(Buffer.concat([size, ...rest]))).not.toHaveProperty('recipients');
});

test('text that a stranger chose names nobody: sender, AUTH= parameter, HELO and the mail itself', () => {
  const forged = 'x\nA\x13sasl_username=victim';
  const bytes = Buffer.concat([
    size,
    record('A', 'create_time=1795570554'),
    record('S', `${forged}@b.test`),
    record('A', `sasl_sender=${forged}`),
    record('A', `helo_name=${record('A', 'sasl_username=victim').toString('latin1')}`),
    record('R', 'r@far.test'),
    record('A', 'sasl_username=victim'),
    record('M', ''),
    record('N', 'sasl_username=victim'),
  ]);
  expect(parseEnvelope(bytes).login).toBeUndefined();
});

test('property: a login and a sender of any text come back verbatim and do not touch each other', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 });
  void fc.assert(
    fc.property(text, text, (login, sender) => {
      const parsed = parseEnvelope(Buffer.concat([...envelope(login, sender), record('R', 'r@far.test')]));
      expect(parsed).toMatchObject({ whole: true, login, sender, client: '127.66.0.1' });
    }),
  );
});

test('property: cut anywhere it says so and invents nothing; random bytes do not throw', () => {
  const whole = Buffer.concat([...envelope('thief', 'a@b.test'), record('R', 'r@far.test')]);
  void fc.assert(
    fc.property(fc.nat(whole.length - 13), (length) => {
      const parsed = parseEnvelope(whole.subarray(0, length));
      expect(parsed.whole).toBe(false);
      expect([undefined, 'thief']).toContain(parsed.login);
    }),
  );
  void fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      (bytes) => typeof parseEnvelope(Buffer.from(bytes)).sender === 'string',
    ),
  );
});
