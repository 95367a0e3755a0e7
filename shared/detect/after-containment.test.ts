import { expect, test } from 'vitest';
import { messagesOf } from '../correlate/lives.ts';
import { afterContainment } from './after-containment.ts';

const second = 1_000_000;

/** Log times in seconds, as whole as syslog's. */
function escapes(facts: { accepted: number; queued?: number; released?: number }, sinceSeconds = 100): boolean {
  const at = (seconds: number) => ({ atMicros: seconds * second });
  const trace = [
    { kind: 'accepted' as const, ...at(facts.accepted), client: '192.0.2.1', login: 'thief' },
    ...(facts.queued === undefined
      ? []
      : [{ kind: 'queued' as const, ...at(facts.queued), sender: 'a@b.test', sizeBytes: 1, recipients: 1 }]),
    ...(facts.released === undefined ? [] : [{ kind: 'released' as const, ...at(facts.released) }]),
  ];
  const counts = { parsed: 0, malformed: 0, ignored: {}, tooLate: 0 };
  const part = { relay: 'mx1', counts, traces: [{ instance: 'postfix', queueId: 'AAAAAAAAAA', facts: trace }] };
  const messages = messagesOf([part]);
  const containedSinceMicros = new Map([['mx1', sinceSeconds * second]]);
  return afterContainment.detect({ account: 'thief', messages, containedSinceMicros }, 1000 * second) !== undefined;
}

test('mail that reaches the active queue after the containment got past it', () => {
  expect(escapes({ accepted: 110, queued: 110 })).toBe(true);
});

test('mail that went to hold did not', () => {
  expect(escapes({ accepted: 110 })).toBe(false);
});

test('mail that a person released from hold did not, be it in the same second', () => {
  expect(escapes({ accepted: 110, released: 130, queued: 130 })).toBe(false);
  expect(escapes({ accepted: 110, released: 130, queued: 131 })).toBe(false);
});

test('mail that was active before it was held and released did', () => {
  expect(escapes({ accepted: 110, queued: 111, released: 130 })).toBe(true);
});

test('mail accepted before, or in the moment of the containment, did not', () => {
  expect(escapes({ accepted: 90, queued: 120 })).toBe(false);
  expect(escapes({ accepted: 104, queued: 104 })).toBe(false);
});
