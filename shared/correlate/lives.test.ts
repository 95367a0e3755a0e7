import fc from 'fast-check';
import { expect, test } from 'vitest';
import { part } from './arbitrary.ts';
import type { Fact, Part } from './facts.ts';
import { attribute, ownHosts } from './links.ts';
import { livesOf, messagesOf } from './lives.ts';
import { isMessage, type Message } from './message.ts';

const second = 1_000_000;
const t0 = 1_795_000_000 * second;
const accepted = (atSeconds: number, login?: string): Fact => ({
  kind: 'accepted',
  atMicros: t0 + atSeconds * second,
  client: '192.0.2.7',
  ...(login !== undefined && { login }),
});
const queued = (atSeconds: number, sender = 's@x'): Fact => ({
  kind: 'queued',
  atMicros: t0 + atSeconds * second,
  sender,
  sizeBytes: 100,
  recipients: 1,
});
const removed = (atSeconds: number): Fact => ({ kind: 'removed', atMicros: t0 + atSeconds * second });
const shortId = (facts: readonly Fact[]): Message[] =>
  livesOf('mx1', { instance: 'postfix', queueId: '25D1E2143CB', facts });

test('I3: a short ID that returns within a minute names two messages of two accounts', () => {
  const lives = shortId([accepted(0, 'thief'), queued(0), removed(5), accepted(20, 'alice'), queued(20), removed(30)]);
  expect(lives.map(({ login, removedAtMicros }) => [login, removedAtMicros])).toEqual([
    ['thief', t0 + 5 * second],
    ['alice', t0 + 30 * second],
  ]);
});

test('I3: a delivery notice that takes over an ended ID is a message of its own: the one before keeps its account', () => {
  const notice: Fact = { kind: 'notice', atMicros: t0 + 150 * second };
  const facts = [accepted(0, 'thief'), queued(0), removed(3), notice, queued(150, ''), removed(152), queued(300, '')];
  const lives = shortId(facts);
  expect(lives.map(({ login, notice, removedAtMicros }) => [login, notice, removedAtMicros])).toEqual([
    ['thief', false, t0 + 3 * second],
    [undefined, true, t0 + 152 * second],
    [undefined, false, undefined],
  ]);
  expect(shortId([...facts].reverse())).toEqual(lives);
});

test('I3: where stamps are whole seconds, an end in the second of the next start ends the life before', () => {
  const lives = shortId([accepted(0, 'thief'), queued(0), accepted(5, 'alice'), removed(5), queued(5)]);
  expect(lives.map(({ login, removedAtMicros }) => [login, removedAtMicros])).toEqual([
    ['thief', t0 + 5 * second],
    ['alice', undefined],
  ]);
});

test('two records of one ID within a second are one life', () => {
  expect(shortId([accepted(0, 'thief'), accepted(0.9, 'thief'), queued(1)])).toHaveLength(1);
});

test('what precedes the first acceptance belongs to a life whose beginning was not seen', () => {
  const lives = shortId([removed(0), accepted(60, 'alice'), queued(60)]);
  expect(lives.map(({ login, removedAtMicros }) => [login, removedAtMicros])).toEqual([
    [undefined, t0],
    ['alice', undefined],
  ]);
});

test('a client= line alone is no message', () => {
  expect(shortId([accepted(0, 'thief')]).map(isMessage)).toEqual([false]);
  expect(shortId([accepted(0, 'thief'), queued(1)]).map(isMessage)).toEqual([true]);
});

test('a long ID is one life, named by the time inside it', () => {
  const [life] = livesOf('mx1', {
    instance: 'postfix',
    queueId: '4jYgNl4TtXzJ9C7',
    facts: [accepted(0, 'a'), queued(500)],
  });
  expect(new Date((life?.acceptedAtMicros ?? 0) / 1000).toISOString()).toBe('2026-11-24T11:21:11.632Z');
});

/** The same facts, cut and shuffled and partly repeated. */
const rearranged = fc.array(part, { minLength: 1, maxLength: 6 }).chain((parts) => {
  const pieces: Part[] = parts.flatMap((each) =>
    each.traces.flatMap((trace) => trace.facts.map((fact) => ({ ...each, traces: [{ ...trace, facts: [fact] }] }))),
  );
  return fc.tuple(fc.constant(parts), fc.shuffledSubarray([...pieces, ...pieces], { minLength: pieces.length * 2 }));
});

const sorted = (messages: readonly Message[]): string[] => messages.map((message) => JSON.stringify(message)).sort();

test('I2: messages are the same whatever the order, packing and repetition of the facts', () => {
  fc.assert(
    fc.property(rearranged, ([parts, pieces]) => {
      expect(sorted(messagesOf(pieces))).toEqual(sorted(messagesOf(parts)));
    }),
  );
});

test('I2: attribution is the same whatever the order of the facts', () => {
  const logins = (parts: readonly Part[]): string[] =>
    attribute(messagesOf(parts), ownHosts(new Map()))
      .map(
        ({ message, login, how }) =>
          `${message.relay} ${message.instance} ${message.queueId} ${message.acceptedAtMicros} ${login} ${how}`,
      )
      .sort();
  fc.assert(
    fc.property(rearranged, ([parts, pieces]) => {
      expect(logins(pieces)).toEqual(logins(parts));
    }),
  );
});
