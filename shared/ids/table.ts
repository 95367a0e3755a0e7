import type { Place } from './place.ts';
import type { Trace } from './trace.ts';

const buckets = 1 << 16;

/**
 * The traces in memory by place and queue ID, found from the bytes of a line without making a string of them first:
 * most lines speak of an ID that is known, and that costs half of a decode and a `Map` look-up.
 */
export class TraceTable {
  readonly #buckets: (Trace | undefined)[] = new Array(buckets).fill(undefined);
  size = 0;

  /** The trace of the ID that stands in `[from, end)`; `hash` is `idHash`'s over it. */
  find(bytes: Uint8Array, from: number, end: number, hash: number, place: Place): Trace | undefined {
    const key = keyOf(hash, place);
    let trace = this.#buckets[key & (buckets - 1)];
    for (; trace !== undefined; trace = trace.next) {
      if (trace.hash === key && trace.place === place && isText(trace.queueId, bytes, from, end)) return trace;
    }
    return undefined;
  }

  keyOf(queueId: string, place: Place): number {
    return keyOf(idHash(queueId), place);
  }

  findText(queueId: string, place: Place): Trace | undefined {
    const key = this.keyOf(queueId, place);
    let trace = this.#buckets[key & (buckets - 1)];
    for (; trace !== undefined; trace = trace.next) {
      if (trace.place === place && trace.queueId === queueId) return trace;
    }
    return undefined;
  }

  add(trace: Trace): void {
    const bucket = trace.hash & (buckets - 1);
    trace.next = this.#buckets[bucket];
    this.#buckets[bucket] = trace;
    this.size += 1;
  }

  remove(trace: Trace): void {
    const bucket = trace.hash & (buckets - 1);
    let at = this.#buckets[bucket];
    if (at === trace) this.#buckets[bucket] = trace.next;
    else {
      while (at !== undefined && at.next !== trace) at = at.next;
      if (at === undefined) return;
      at.next = trace.next;
    }
    trace.next = undefined;
    this.size -= 1;
  }
}

/** Of an ID alone; `idHashStep` makes the same of its bytes one by one. */
export function idHash(queueId: string): number {
  let hash = 0;
  for (let index = 0; index < queueId.length; index++) hash = idHashStep(hash, queueId.charCodeAt(index));
  return hash;
}

export function idHashStep(hash: number, code: number): number {
  return (Math.imul(hash, 31) + code) | 0;
}

/** Of an ID in its place. The low bits choose the bucket: an ID's last digits, its inode, vary least in them. */
export function keyOf(hash: number, place: Place): number {
  const mixed = Math.imul(hash ^ Math.imul(place.number + 1, 0x9e3779b1), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}

function isText(text: string, bytes: Uint8Array, from: number, end: number): boolean {
  if (text.length !== end - from) return false;
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) !== bytes[from + index]) return false;
  }
  return true;
}
