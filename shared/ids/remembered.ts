import type { Fact } from '../correlate/facts.ts';
import type { Place, Places } from './place.ts';
import { idHash } from './table.ts';
import { type Owned, Trace } from './trace.ts';

/** Room outside of memory, for blocks of bytes: a temporary file. */
export interface Spill {
  write(block: Uint8Array): void;
  /** All blocks, as they were written. */
  blocks(): Iterable<Buffer>;
}

const blockBytes = 1 << 20;
/** Longer than any record of the compact form. */
const maxCompact = 4096;
const maxText = 1000;
const headBytes = 16;
const maxLinks = 0xffff;

const flag = { question: 1, printed: 2, full: 4, late: 8, owned: 16, login: 32 } as const;

/**
 * Traces that left memory, in the order in which they left it. Links and lines may come long after; then, at the end,
 * those that somebody asks for are read back. Most take 60 to 120 bytes.
 *
 * A record: length (u32), hash of relay and ID (i32), place (u32), flags (u8), length of the ID (u8), number of hashes
 * (u16), the ID, the hashes of IDs that it is linked to (i32 each); then the compact form, or, with `full`, JSON of
 * everything.
 */
export class Remembered {
  readonly #spill: Spill;
  #block = Buffer.allocUnsafe(blockBytes);
  #used = 0;
  /** All IDs that were written, as a set that may say yes where it should say no. */
  readonly #seen = new HashSet(27);

  constructor(spill: Spill) {
    this.#spill = spill;
  }

  /** Whether this ID of this relay may be among what was written. */
  has(hash: number): boolean {
    return this.#seen.has(hash);
  }

  /**
   * `links`: hashes of the IDs that it claims to be linked to. `question`: it has to be looked at again at the end,
   * whoever asks.
   */
  add(trace: Trace, hash: number, links: readonly number[], question: boolean): void {
    this.#seen.add(hash);
    if (this.#used + maxCompact + 4 * links.length > blockBytes) this.#flush();
    const compact =
      links.length < 100 &&
      trace.simple &&
      trace.outcomes === undefined &&
      trace.client.length + trace.sender.length < maxText;
    if (compact && (trace.login?.length ?? 0) < maxText) this.#compact(trace, hash, links, question);
    else this.#full(trace, hash, links, question);
  }

  /** Reads back the questions, and whatever could have a say in their answers. */
  read(places: Places): Trace[] {
    this.#flush();
    const asked = new HashSet(26);
    // What is read asks for more: the chain upward, and all who claim to be its parents.
    for (;;) {
      let isNew = false;
      const ask = (hash: number): void => {
        if (asked.has(hash)) return;
        asked.add(hash);
        isNew = true;
      };
      const traces: Trace[] = [];
      for (const { block, at } of this.#records()) {
        if (!isAsked(block, at, asked)) continue;
        ask(block.readInt32LE(at + 4));
        for (let link = 0; link < linksIn(block, at); link++) ask(linkIn(block, at, link));
        const trace = read(block, at, places);
        if (trace !== undefined) traces.push(trace);
      }
      if (!isNew) return traces;
    }
  }

  *#records(): Generator<{ block: Buffer; at: number }> {
    for (const block of this.#spill.blocks()) {
      for (let at = 0; at < block.length; at += block.readUInt32LE(at)) yield { block, at };
    }
  }

  #flush(): void {
    if (this.#used > 0) this.#spill.write(this.#block.subarray(0, this.#used));
    this.#used = 0;
  }

  #head(block: Buffer, at: number, trace: Trace, hash: number, links: readonly number[], flags: number): number {
    block.writeInt32LE(hash, at + 4);
    block.writeUInt32LE(trace.place.number, at + 8);
    block[at + 12] = flags;
    const { queueId } = trace;
    block[at + 13] = queueId.length;
    for (let index = 0; index < queueId.length; index++) block[at + headBytes + index] = queueId.charCodeAt(index);
    const count = Math.min(links.length, maxLinks);
    block.writeUInt16LE(count, at + 14);
    let end = at + headBytes + queueId.length;
    for (let link = 0; link < count; link++) end = block.writeInt32LE(links[link] ?? 0, end);
    return end;
  }

  #compact(trace: Trace, hash: number, links: readonly number[], question: boolean): void {
    const block = this.#block;
    const from = this.#used;
    const shown = trace.printed === undefined;
    const owner = trace.owned?.[0];
    const flags =
      (question ? flag.question : 0) |
      (trace.late ? flag.late : 0) |
      (trace.printed === undefined ? 0 : flag.printed) |
      (trace.login === undefined ? 0 : flag.login) |
      (owner === undefined ? 0 : flag.owned);
    let at = this.#head(block, from, trace, hash, links, flags);
    for (const time of [trace.startAt, trace.messageIdAt, trace.queuedAt, trace.heldAt, trace.endedAt, trace.triedAt]) {
      block.writeDoubleLE(time, at);
      at += 8;
    }
    block.writeInt32LE(trace.messageId, at);
    at = putText(block, at + 4, trace.login ?? '');
    at = putText(block, at, owner?.login ?? '');
    // Nobody prints these again.
    at = putText(block, at, shown ? trace.client : '');
    at = putText(block, at, shown ? trace.sender : '');
    at = putText(block, at, trace.origQueueId ?? '');
    block.writeUInt32LE(at - from, from);
    this.#used = at;
  }

  #full(trace: Trace, hash: number, links: readonly number[], question: boolean): void {
    const { late, printed, owned } = trace;
    const body = Buffer.from(JSON.stringify({ facts: trace.facts(), late, printed, owned }));
    const length = headBytes + trace.queueId.length + 4 * Math.min(links.length, maxLinks) + body.length;
    if (this.#used + length > blockBytes) this.#flush();
    // One trace may fill more than a block: it gets one of its own.
    const block = length > blockBytes ? Buffer.allocUnsafe(length) : this.#block;
    const from = length > blockBytes ? 0 : this.#used;
    const at = this.#head(block, from, trace, hash, links, flag.full | (question ? flag.question : 0));
    body.copy(block, at);
    block.writeUInt32LE(length, from);
    if (length > blockBytes) this.#spill.write(block);
    else this.#used += length;
  }
}

function linksIn(block: Buffer, at: number): number {
  return block.readUInt16LE(at + 14);
}

function linkIn(block: Buffer, at: number, link: number): number {
  return block.readInt32LE(at + headBytes + (block[at + 13] ?? 0) + 4 * link);
}

function isAsked(block: Buffer, at: number, asked: HashSet): boolean {
  if (((block[at + 12] ?? 0) & flag.question) !== 0 || asked.has(block.readInt32LE(at + 4))) return true;
  for (let link = 0; link < linksIn(block, at); link++) if (asked.has(linkIn(block, at, link))) return true;
  return false;
}

function read(block: Buffer, from: number, places: Places): Trace | undefined {
  const place: Place | undefined = places.all[block.readUInt32LE(from + 8)];
  if (place === undefined) return undefined;
  const flags = block[from + 12] ?? 0;
  let at = from + headBytes + (block[from + 13] ?? 0);
  const queueId = block.toString('latin1', from + headBytes, at);
  at += 4 * linksIn(block, from);
  const trace = new Trace(place, queueId, 0, 0);
  if ((flags & flag.full) !== 0) {
    const body: FullBody = JSON.parse(block.toString('utf8', at, from + block.readUInt32LE(from)));
    for (const fact of body.facts) addFact(trace, fact);
    trace.late = body.late;
    trace.printed = body.printed;
    trace.owned = body.owned;
    return trace;
  }
  const time = (): number => {
    at += 8;
    return block.readDoubleLE(at - 8);
  };
  trace.startAt = time();
  trace.messageIdAt = time();
  trace.queuedAt = time();
  trace.heldAt = time();
  trace.endedAt = time();
  trace.triedAt = time();
  trace.messageId = block.readInt32LE(at);
  at += 4;
  const text = (): string => {
    const textFrom = at + 2;
    at = textFrom + block.readUInt16LE(at);
    return block.toString('utf8', textFrom, at);
  };
  const login = text();
  const owner = text();
  trace.client = text();
  trace.sender = text();
  const origQueueId = text();
  if ((flags & flag.login) !== 0) trace.login = login;
  if (origQueueId !== '') trace.origQueueId = origQueueId;
  trace.late = (flags & flag.late) !== 0;
  if ((flags & flag.printed) !== 0) trace.printed = [trace.beginning];
  if ((flags & flag.owned) !== 0) {
    trace.owned = [{ startMicros: trace.beginning, ...(owner !== '' && { login: owner }) }];
  }
  return trace;
}

/** What `#full` wrote; nobody else writes there. */
interface FullBody {
  readonly facts: Fact[];
  readonly late: boolean;
  readonly printed?: number[];
  readonly owned?: Owned[];
}

/** Puts a fact where it belongs in a trace. */
export function addFact(trace: Trace, fact: Fact): void {
  const { atMicros } = fact;
  switch (fact.kind) {
    case 'accepted':
      trace.addAccepted(atMicros, fact.client, fact.login, fact.origQueueId);
      break;
    case 'messageId':
      // Empty: the message had none.
      if (fact.hash === '') trace.addOther(fact);
      else trace.addMessageId(atMicros, Number(fact.hash) | 0);
      break;
    case 'queued':
      trace.addQueued(atMicros, fact.sender);
      break;
    case 'outcome':
      trace.addOutcome(fact);
      break;
    case 'held':
      trace.addHeld(atMicros);
      break;
    case 'removed':
    case 'purged':
    case 'requeued':
      trace.addEnded(atMicros);
      break;
    case 'picked':
    case 'released':
    case 'notice':
      trace.addOther(fact);
      break;
  }
}

/** Appends a text of at most `maxText` characters with its length. */
function putText(block: Buffer, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 127) {
      const length = block.write(text, at + 2, 'utf8');
      block.writeUInt16LE(length, at);
      return at + 2 + length;
    }
    block[at + 2 + index] = code;
  }
  block.writeUInt16LE(text.length, at);
  return at + 2 + text.length;
}

/** A Bloom filter of three bits a key: with 2^27 bits (16 MiB) and ten million keys one yes in a hundred is false. */
class HashSet {
  readonly #shift: number;
  #bits: Uint32Array | undefined;

  constructor(log2Bits: number) {
    this.#shift = 32 - log2Bits;
  }

  add(hash: number): void {
    this.#bits ??= new Uint32Array(2 ** (27 - this.#shift));
    this.#set(this.#bits, Math.imul(hash, 0x9e3779b1) >>> this.#shift);
    this.#set(this.#bits, Math.imul(hash ^ 0x5bd1e995, 0x85ebca6b) >>> this.#shift);
    this.#set(this.#bits, Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> this.#shift);
  }

  has(hash: number): boolean {
    const bits = this.#bits;
    if (bits === undefined) return false;
    return (
      isSet(bits, Math.imul(hash, 0x9e3779b1) >>> this.#shift) &&
      isSet(bits, Math.imul(hash ^ 0x5bd1e995, 0x85ebca6b) >>> this.#shift) &&
      isSet(bits, Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> this.#shift)
    );
  }

  #set(bits: Uint32Array, bit: number): void {
    bits[bit >>> 5] = (bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
  }
}

function isSet(bits: Uint32Array, bit: number): boolean {
  return (((bits[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
}

/** Of a queue ID on a relay, whichever instance: a claim names no instance. */
export function relayHash(relayNumber: number, queueId: string): number {
  return (Math.imul(idHash(queueId), 0x27d4eb2d) ^ Math.imul(relayNumber + 1, 0x165667b1)) | 0;
}
