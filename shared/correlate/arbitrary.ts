import fc from 'fast-check';
import type { Fact, Part, Trace } from './facts.ts';

/** Random parts for property tests: few IDs, short and long, so that lives meet and overlap. */
const second = 1_000_000;
const base = 1_795_000_000 * second;
const at = fc.integer({ min: 0, max: 600 }).map((seconds) => base + seconds * second);
const queueId = fc.constantFrom('25D1E2143CB', '273142143CC', 'DEADBEEF01', '4jYgNl4TtXzJ9C7');
const login = fc.constantFrom('thief', 'Thief@example.org', 'alice');
const text = fc.constantFrom('a@x.test', 'b@x.test', '<odd "one", sasl_username=alice>');

export const fact: fc.Arbitrary<Fact> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('accepted' as const),
      atMicros: at,
      client: fc.constantFrom('127.0.0.1', '192.0.2.7'),
      login,
      pid: fc.integer({ min: 1, max: 3 }),
      origQueueId: queueId,
    },
    { requiredKeys: ['kind', 'atMicros', 'client'] },
  ),
  fc.record(
    { kind: fc.constant('picked' as const), atMicros: at, sender: text, origId: queueId },
    { requiredKeys: ['kind', 'atMicros', 'sender'] },
  ),
  fc.record({ kind: fc.constant('messageId' as const), atMicros: at, hash: fc.constantFrom('h1', 'h2', '') }),
  fc.record({
    kind: fc.constant('queued' as const),
    atMicros: at,
    sender: text,
    sizeBytes: fc.nat(9999),
    recipients: fc.nat(50),
  }),
  fc.record(
    {
      kind: fc.constant('outcome' as const),
      atMicros: at,
      recipient: fc.constantFrom('r1', 'r2'),
      status: fc.constantFrom('sent' as const, 'deferred' as const, 'bounced' as const),
      reply: fc.constantFrom('other' as const, 'unknown-user' as const),
      remote: fc.constantFrom('mx.test', '127.0.0.1'),
      child: fc.record({ address: fc.constantFrom('127.0.0.1', '192.0.2.7'), queueId }),
    },
    { requiredKeys: ['kind', 'atMicros', 'recipient', 'status', 'reply'] },
  ),
  fc.record(
    {
      kind: fc.constant('held' as const),
      atMicros: at,
      promised: fc.constantFrom('command' as const, 'content' as const),
    },
    { requiredKeys: ['kind', 'atMicros'] },
  ),
  fc.record(
    { kind: fc.constant('proxied' as const), atMicros: at, client: fc.constant('192.0.2.7'), login },
    { requiredKeys: ['kind', 'atMicros', 'client'] },
  ),
  fc.record(
    { kind: fc.constant('proxyAnswered' as const), atMicros: at, queueId, login },
    { requiredKeys: ['kind', 'atMicros', 'queueId'] },
  ),
  fc.record({
    kind: fc.constantFrom(
      'released' as const,
      'removed' as const,
      'purged' as const,
      'requeued' as const,
      'notice' as const,
      'discarded' as const,
      'refused' as const,
      'lost' as const,
    ),
    atMicros: at,
  }),
);

const trace: fc.Arbitrary<Trace> = fc.record({
  instance: fc.constantFrom('postfix', 'postfix-out', ''),
  queueId: fc.oneof({ weight: 3, arbitrary: queueId }, { weight: 1, arbitrary: fc.constantFrom('[1]', '[2]') }),
  facts: fc.array(fact, { minLength: 1, maxLength: 8 }),
});

export const part: fc.Arbitrary<Part> = fc.record(
  {
    relay: fc.constantFrom('mx1', 'mx2'),
    range: fc.record({ file: fc.constant('/var/log/mail.log'), from: fc.nat(), to: fc.maxSafeNat() }),
    counts: fc.record({
      parsed: fc.nat(),
      malformed: fc.nat(),
      ignored: fc.dictionary(fc.constantFrom('anvil', 'foreign'), fc.nat()),
      tooLate: fc.nat(),
    }),
    traces: fc.array(trace, { maxLength: 6 }),
  },
  { requiredKeys: ['relay', 'counts', 'traces'] },
);
