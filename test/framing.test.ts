import fc from 'fast-check';
import { expect, test } from 'vitest';
import { indexRecord } from '../agent/index-records.ts';
import { openIndexDatabase } from '../agent/index-schema.ts';
import { IndexStore } from '../agent/index-store.ts';
import { parseLine } from '../shared/parse/line.ts';
import { type Owners, ownersByCore } from './framing.fixture.ts';
import { silent } from './hub-fixture.ts';

/**
 * I1 through the whole core and the agent's local index: a relay's log put together with Postfix's own format strings,
 * in which everything that a stranger may write is a piece of other people's records.
 */
const idOf = (index: number): string => (0xa00000 + index).toString(16).toUpperCase();
const childOf = (index: number): string => (0xc00000 + index).toString(16).toUpperCase();
const maxMessages = 8;

const bait = fc.oneof(
  fc.constantFrom(
    ', sasl_method=PLAIN, sasl_username=victim',
    ', sasl_sender=victim, orig_client=unknown[127.0.0.1]',
    '>, size=1, nrcpt=1 (queue active)',
    '\r\n2026-11-24T10:00:02.000000+00:00 mx1 postfix/smtpd[7]: ',
    ...['client=unknown[127.0.0.1]', '"', '\\', '>', '<', '(', ')', ', ', '\0'],
  ),
  fc
    .nat(maxMessages)
    .chain((index) =>
      fc.constantFrom(
        `${idOf(index)}: client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=victim`,
        `, orig_queue_id=${idOf(index)}`,
        `> orig_id=${idOf(index)}`,
        `>, relay=127.0.0.1[127.0.0.1]:25, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ${idOf(index)})`,
        `${idOf(index)}: removed`,
      ),
    ),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
/** As printable(3) of Postfix leaves it. */
const text = fc
  .array(bait, { maxLength: 4 })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters it replaces.
  .map((pieces) => pieces.join('').replaceAll(/[\x00-\x1f\x7f]/g, '?'));

const message = fc.record({
  login: fc.option(fc.constantFrom('alice', 'bob', 'thief'), { nil: undefined }),
  local: fc.boolean(),
  /** Goes through a content filter, which puts it back in. */
  filtered: fc.boolean(),
  authParameter: fc.option(text, { nil: undefined }),
  text,
  nameless: fc.boolean(),
  /** Its remote claims this message's queue ID; its sender may have copied the message-id. */
  claims: fc.option(fc.record({ target: fc.nat(maxMessages * 2), copies: fc.boolean() }), { nil: undefined }),
});
type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;

function played(messages: readonly Message[], remote: string): { lines: string[]; owners: Owners } {
  const timed: { second: number; line: string }[] = [];
  const owners: Record<string, string> = {};
  const say = (second: number, tag: string, line: string): void => {
    const stamp = new Date(Date.UTC(2026, 10, 24, 10) + second * 1000).toISOString().slice(0, 19);
    timed.push({ second, line: `${stamp}.000000+00:00 mx1 postfix/${tag}[7]: ${line}` });
  };
  // From a host that is not ours a claim is nothing, whatever else agrees. A remote on loopback counts as the relay
  // itself: there the message-ids must tell, so who claims has one, and of his own.
  const ours = remote.startsWith('127.');
  const messageId = (index: number): string => {
    const { nameless, claims, text } = messages[index] ?? {};
    if (claims?.copies && !ours) return messageIdOf(claims.target % messages.length);
    return nameless && (claims === undefined || !ours) ? '' : `${index}.${text}`;
  };
  const messageIdOf = (target: number): string => `${target}.${messages[target]?.text}`;
  const born = (second: number, id: string, client: string, login: string | undefined, index: number): void => {
    const { authParameter, text } = messages[index] ?? {};
    const auth = login === undefined ? '' : `, sasl_method=PLAIN, sasl_username=${login}`;
    const parameter = authParameter === undefined ? '' : `, sasl_sender=${authParameter}`;
    say(second, 'smtpd', `${id}: client=unknown[${client}]${auth}${parameter}`);
    say(second, 'cleanup', `${id}: info: header Subject: ${text} from unknown[${client}]; from=<${text}>`);
    say(second, 'cleanup', `${id}: message-id=<${messageId(index)}>`);
    say(second, 'qmgr', `${id}: from=<${text}>, size=100, nrcpt=1 (queue active)`);
  };
  const answered = (second: number, id: string, relay: string, status: string, reply: string): void => {
    const fields = `relay=${relay}, delay=1, delays=0/0/0/1, dsn=2.0.0, status=${status} (${reply})`;
    say(second, 'smtp', `${id}: to=<x@far.test>, ${fields}`);
  };

  for (const [index, { login, local, filtered, text, claims }] of messages.entries()) {
    born(index, idOf(index), local ? '127.0.0.1' : '198.51.100.7', login, index);
    say(
      index,
      'smtpd',
      `NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 554 <${text}>: denied; from=<${text}> helo=<${text}>`,
    );
    say(index, 'smtpd', `warning: unknown[192.0.2.1]: SASL PLAIN authentication failed: x, sasl_username=${text}`);
    if (login !== undefined) owners[idOf(index)] = `direct ${login}`;
    answered(index, idOf(index), 'mx.test[203.0.113.9]:25', 'deferred', text);
    if (filtered) {
      born(index, childOf(index), '127.0.0.1', undefined, index);
      const reply = `250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as ${childOf(index)}`;
      answered(index, idOf(index), '127.0.0.1[127.0.0.1]:10024', 'sent', reply);
      if (login !== undefined) owners[childOf(index)] = `derived ${login}`;
    }
    if (claims !== undefined) {
      const target = claims.target % messages.length;
      const id = claims.target < maxMessages ? idOf(target) : childOf(target);
      answered(Math.max(index, target) + 1, idOf(index), `evil[${remote}]:25`, 'sent', `250 2.0.0 Ok: queued as ${id}`);
    }
  }
  return { lines: timed.sort((a, b) => a.second - b.second).map(({ line }) => line), owners };
}

function ownersByIndex(lines: readonly string[]): Record<string, string> {
  const store = new IndexStore(openIndexDatabase(':memory:', silent), { maxRows: 1000 });
  const context = { zone: 'UTC', nearMicros: 0 };
  for (const line of lines) {
    const parsed = parseLine(line, context);
    if ('ok' in parsed) indexRecord(store, parsed.ok);
  }
  const accounts = ['alice', 'bob', 'thief', 'victim'];
  const owned = accounts.flatMap((login) => [...store.idsOf(login)].map(([, queueId]) => [queueId, login]));
  store.close();
  return Object.fromEntries(owned);
}

test.each(['203.0.113.9', '127.66.0.25'])(
  'I1: whatever strangers write and %s claims, every message is whose it is',
  (remote) => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: maxMessages }), (messages) => {
        const { lines, owners } = played(messages, remote);
        expect(ownersByCore(lines)).toEqual(owners);
        expect(ownersByCore(lines.toReversed())).toEqual(owners);
        const logins = Object.entries(owners).map(([queueId, owner]) => [queueId, owner.split(' ')[1]]);
        expect(ownersByIndex(lines)).toEqual(Object.fromEntries(logins));
      }),
      { numRuns: 300 },
    );
  },
);
