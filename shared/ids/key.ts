import type { Relay } from './place.ts';
import { chunkOf } from './words.ts';

/**
 * A queue ID of a relay, as two hashes of 32 bits: equal for equal IDs, and for others as good as never (ten million IDs
 * meet by chance once in 300,000 logs). Instances are no part of it: a reply's `queued as` names none.
 */
export interface Key {
  one: number;
  other: number;
}

/** Writes the key of the ID in `[from, end)` to `key`. */
export function setKey(key: Key, view: DataView, from: number, end: number, relay: Relay): void {
  let one = end - from;
  let other = relay.salt;
  let at = from;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    one = Math.imul(one ^ word, 0x9e3779b1);
    one ^= one >>> 15;
    other = Math.imul(other ^ word, 0x85ebca6b);
    other ^= other >>> 13;
  }
  let word = 0;
  for (; at < end; at++) word = (word << 8) | view.getUint8(at);
  one = Math.imul(one ^ word ^ relay.salt, 0x9e3779b1);
  other = Math.imul(other ^ word, 0x85ebca6b);
  key.one = one ^ (one >>> 15);
  key.other = other ^ (other >>> 13);
}

export function keyOf(queueId: string, relay: Relay): Key {
  const { bytes, view } = chunkOf(Buffer.from(queueId));
  const key = { one: 0, other: 0 };
  setKey(key, view, 0, bytes.length, relay);
  return key;
}
