import { expect, test } from 'vitest';
import type { Fact, Part } from './facts.ts';
import { type Attribution, attribute, type OwnHost, ownHosts } from './links.ts';
import { messagesOf } from './lives.ts';

const second = 1_000_000;
const t0 = 1_795_000_000 * second;
const at = (seconds: number): number => t0 + seconds * second;

interface Given {
  readonly relay?: string;
  readonly instance?: string;
  readonly id: string;
  readonly facts: readonly Fact[];
}

function logins(given: readonly Given[], own: OwnHost = ownHosts(new Map())): Record<string, string> {
  return Object.fromEntries(attributed(given, own).map(({ message, login }) => [message.queueId, login]));
}

function attributed(given: readonly Given[], own: OwnHost = ownHosts(new Map())): Attribution[] {
  const counts = { parsed: 0, malformed: 0, ignored: {}, tooLate: 0 };
  const parts: Part[] = given.map(({ relay = 'mx1', instance = 'postfix', id, facts }) => ({
    relay,
    counts,
    traces: [{ instance, queueId: id, facts }],
  }));
  return attribute(messagesOf(parts), own);
}

const parent = (childId: string, address = '127.0.0.1', linkedAt = 3): Given => ({
  id: 'AAAAAA0001',
  facts: [
    { kind: 'accepted', atMicros: at(0), client: '192.0.2.7', login: 'thief' },
    { kind: 'messageId', atMicros: at(0), hash: 'm1' },
    { kind: 'queued', atMicros: at(0), sender: 's@x', sizeBytes: 1, recipients: 1 },
    {
      kind: 'outcome',
      atMicros: at(linkedAt),
      recipient: 'r',
      status: 'sent',
      reply: 'other',
      child: { address, queueId: childId },
    },
  ],
});
const child = (id: string, seconds: number, hash = 'm1', more: Partial<Given> = {}, login?: string): Given => ({
  id,
  facts: [
    { kind: 'accepted', atMicros: at(seconds), client: '127.0.0.1', ...(login !== undefined && { login }) },
    { kind: 'messageId', atMicros: at(seconds), hash },
    { kind: 'queued', atMicros: at(seconds), sender: 's@x', sizeBytes: 1, recipients: 1 },
  ],
  ...more,
});

test('a re-injected message belongs to the account of the one it came from', () => {
  expect(logins([parent('BBBBBB0002'), child('BBBBBB0002', 2)])).toEqual({ AAAAAA0001: 'thief', BBBBBB0002: 'thief' });
});

test('I3: what an ID named before is no rival of what it names when the link is logged', () => {
  const before = child('BBBBBB0002', 0);
  const gone: Given = { ...before, facts: [...before.facts, { kind: 'removed', atMicros: at(1) }] };
  const found = attributed([parent('BBBBBB0002'), gone, child('BBBBBB0002', 2)]);
  expect(found.map(({ message, how }) => [how, message.acceptedAtMicros])).toEqual([
    ['direct', at(0)],
    ['derived', at(2)],
  ]);
});

test('I1: a hostile remote that answers `queued as` with an innocent ID links nothing', () => {
  expect(logins([parent('BBBBBB0002', '198.51.100.9'), child('BBBBBB0002', 2)])).toEqual({ AAAAAA0001: 'thief' });
});

test('I1: a claim from our own address links nothing where the child was accepted at another time', () => {
  expect(logins([parent('BBBBBB0002'), child('BBBBBB0002', 60)])).toEqual({ AAAAAA0001: 'thief' });
});

test('I1: a claim links nothing where the message-ids differ', () => {
  expect(logins([parent('BBBBBB0002'), child('BBBBBB0002', 2, 'm2')])).toEqual({ AAAAAA0001: 'thief' });
});

test('I1: a claim links nothing where the parent has a message-id and the child has none', () => {
  expect(logins([parent('BBBBBB0002'), child('BBBBBB0002', 2, '')])).toEqual({ AAAAAA0001: 'thief' });
});

test('a parent of several message-ids is that of a child which has them too, however far apart they were logged', () => {
  const ids = (given: Given, second: number): Given => ({
    ...given,
    facts: [...given.facts, { kind: 'messageId', atMicros: at(second), hash: 'm0' }],
  });
  const both = [ids(parent('BBBBBB0002', '127.0.0.1', 9), 3), ids(child('BBBBBB0002', 8), 8)];
  expect(logins(both)).toEqual({ AAAAAA0001: 'thief', BBBBBB0002: 'thief' });
});

test('I1: a child with a login of its own stays its own', () => {
  expect(logins([parent('BBBBBB0002'), child('BBBBBB0002', 2, 'm1', {}, 'alice')])).toEqual({
    AAAAAA0001: 'thief',
    BBBBBB0002: 'alice',
  });
});

test('I1: where two children agree, neither links', () => {
  const other = child('BBBBBB0002', 2, 'm1', { instance: 'postfix-out' });
  expect(logins([parent('BBBBBB0002'), child('BBBBBB0002', 2), other])).toEqual({ AAAAAA0001: 'thief' });
});

test('a chain goes over relays whose addresses are registered', () => {
  const own = ownHosts(new Map([['10.0.0.2', 'mx2']]));
  expect(logins([parent('BBBBBB0002', '10.0.0.2'), child('BBBBBB0002', 2, 'm1', { relay: 'mx2' })], own)).toEqual({
    AAAAAA0001: 'thief',
    BBBBBB0002: 'thief',
  });
});

test('a requeued message keeps its account under its new ID', () => {
  const requeued: Given = {
    id: 'CCCCCC0003',
    facts: [{ kind: 'picked', atMicros: at(90), sender: 's@x', origId: 'AAAAAA0001' }],
  };
  expect(logins([parent('none', '198.51.100.9'), requeued])).toEqual({ AAAAAA0001: 'thief', CCCCCC0003: 'thief' });
});

test('XFORWARD links where the claim comes from our own address', () => {
  const forwarded = (client: string): Given => ({
    id: 'BBBBBB0002',
    facts: [
      { kind: 'accepted', atMicros: at(2), client, origQueueId: 'AAAAAA0001' },
      { kind: 'queued', atMicros: at(2), sender: 's@x', sizeBytes: 1, recipients: 1 },
    ],
  });
  expect(logins([parent('none', '198.51.100.9'), forwarded('127.0.0.1')])).toMatchObject({ BBBBBB0002: 'thief' });
  expect(logins([parent('none', '198.51.100.9'), forwarded('203.0.113.5')])).toEqual({ AAAAAA0001: 'thief' });
});
