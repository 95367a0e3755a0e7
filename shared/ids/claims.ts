import { type Fact, processName } from '../correlate/facts.ts';
import type { LogRecord } from '../parse/record.ts';
import { type Key, keyOf } from './key.ts';
import type { OwnAddresses } from './own-addresses.ts';
import type { Place, Relay } from './place.ts';

/** The IDs that a fact claims its own ID was made from. */
export function parentsOf(fact: Fact, { relay }: Place, own: OwnAddresses): Key[] {
  if (fact.kind === 'picked') return fact.origId === undefined ? [] : [keyOf(fact.origId, relay)];
  if (fact.kind !== 'accepted' || fact.origQueueId === undefined) return [];
  const from = own.relayOf(fact.client, relay);
  return from === undefined ? [] : [keyOf(fact.origQueueId, from)];
}

/** The ID that a fact says was made from its own. */
export function childOf(fact: Fact, { relay }: Place, own: OwnAddresses): Key | undefined {
  if (fact.kind === 'proxyAnswered') return keyOf(fact.queueId, relay);
  if (fact.kind !== 'outcome' || fact.child === undefined) return undefined;
  const there = own.relayOf(fact.child.address, relay);
  return there === undefined ? undefined : keyOf(fact.child.queueId, there);
}

/** What a record that names a child is about: its own ID, or its process. */
export function namerOf(record: LogRecord, relay: Relay): Key | undefined {
  if (record.kind === 'delivery') return keyOf(record.queueId, relay);
  return record.kind === 'proxyReply' ? keyOf(processName(record.pid), relay) : undefined;
}
