import type { Fact } from '../correlate/facts.ts';
import { flag, type Owned, text } from './columns.ts';
import { HashSet } from './hash-set.ts';
import type { Place, Places } from './place.ts';
import { Traces } from './traces.ts';
import { type Chunk, chunkOf, hashOfText } from './words.ts';

/** Room outside of memory, for blocks of bytes: a temporary file. */
export interface Spill {
  write(block: Uint8Array): void;
  /** All blocks, as they were written. */
  blocks(): Iterable<Buffer>;
}

/** What was known of a queue ID when it left memory. */
export interface RememberedTrace {
  readonly place: Place;
  readonly queueId: string;
  readonly facts: readonly Fact[];
  /** Starts of the lives whose rows are out. */
  readonly printed: readonly number[];
  readonly owned: readonly Owned[];
}

const blockBytes = 1 << 20;
const headBytes = 16;
/** More than any compact record has. */
const maxCompact = 1024;
const maxLinks = 0xffff;
/** Bits of a record's flags; the lower ones are the trace's own. */
const question = 64;
const full = 128;
const timeCount = 6;
const texts = [text.client, text.login, text.sender] as const;

/**
 * Traces that left memory, in the order in which they left it. Links and lines may come long after; then, at the end,
 * those that somebody asks for are read back. Most take some 120 bytes.
 *
 * A record: length (u32), hash of relay and ID (i32), place (u32), flags (u8), length of the ID (u8), number of hashes
 * (u16), the ID, the hashes of IDs that it is linked to (i32 each); then the columns, or, with `full`, JSON of
 * everything.
 */
export class Remembered {
  readonly #spill: Spill;
  readonly #traces: Traces;
  readonly #block = chunkOf(Buffer.allocUnsafe(blockBytes));
  #used = 0;
  /** All IDs that were written, as a set that may say yes where it should say no. */
  readonly #seen = new HashSet(27);

  constructor(spill: Spill, traces: Traces) {
    this.#spill = spill;
    this.#traces = traces;
  }

  /** Whether this ID of this relay may be among what was written. */
  has(hash: number): boolean {
    return this.#seen.has(hash);
  }

  /**
   * `links`: hashes of the IDs that it claims to be linked to. `isQuestion`: it has to be looked at again at the end,
   * whoever asks.
   */
  add(slot: number, hash: number, links: readonly number[], isQuestion: boolean): void {
    this.#seen.add(hash);
    if (this.#used + maxCompact > blockBytes) this.#flush();
    if (this.#traces.isSimple(slot) && this.#traces.columns.side(slot) === undefined) {
      this.#compact(slot, hash, isQuestion);
    } else {
      this.#full(slot, hash, links, isQuestion);
    }
  }

  /** Reads back the questions, and whatever could have a say in their answers. */
  read(places: Places): RememberedTrace[] {
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
      const found: RememberedTrace[] = [];
      for (const { block, from } of this.#records()) {
        if (!isAsked(block, from, asked)) continue;
        ask(block.readInt32LE(from + 4));
        for (let link = 0; link < linksIn(block, from); link++) ask(linkIn(block, from, link));
        const trace = read(block, from, places);
        if (trace !== undefined) found.push(trace);
      }
      if (!isNew) return found;
    }
  }

  *#records(): Generator<{ block: Buffer; from: number }> {
    for (const block of this.#spill.blocks()) {
      for (let from = 0; from < block.length; from += block.readUInt32LE(from)) yield { block, from };
    }
  }

  #flush(): void {
    if (this.#used > 0) this.#spill.write(this.#block.bytes.subarray(0, this.#used));
    this.#used = 0;
  }

  /** Writes a record's beginning; index after it. */
  #head({ view }: Chunk, from: number, slot: number, hash: number, links: readonly number[], flags: number): number {
    const { columns } = this.#traces;
    const count = Math.min(links.length, maxLinks);
    view.setInt32(from + 4, hash, true);
    view.setUint32(from + 8, columns.placeOf(slot).number, true);
    view.setUint8(from + 12, flags);
    view.setUint8(from + 13, columns.textLength(slot, text.id));
    view.setUint16(from + 14, count, true);
    let end = columns.copyText(slot, text.id, view, from + headBytes);
    for (let link = 0; link < count; link++, end += 4) view.setInt32(end, links[link] ?? 0, true);
    return end;
  }

  #compact(slot: number, hash: number, isQuestion: boolean): void {
    const { columns } = this.#traces;
    const { view } = this.#block;
    const from = this.#used;
    const flags = (columns.flags(slot) & flag.printed) | (isQuestion ? question : 0);
    let end = this.#head(this.#block, from, slot, hash, [], flags);
    for (let which = 0; which < timeCount; which++, end += 8) view.setFloat64(end, columns.time(slot, which), true);
    view.setInt32(end, columns.messageId(slot), true);
    end += 4;
    for (const which of texts) {
      // A row that is out is not printed again; whose it is still counts.
      const isNeeded = which === text.login || (flags & flag.printed) === 0;
      view.setUint8(end, isNeeded ? columns.textLength(slot, which) : 0);
      end = isNeeded ? columns.copyText(slot, which, view, end + 1) : end + 1;
    }
    view.setUint32(from, end - from, true);
    this.#used = end;
  }

  #full(slot: number, hash: number, links: readonly number[], isQuestion: boolean): void {
    const { columns } = this.#traces;
    const { printed = [], owned = [] } = columns.side(slot) ?? {};
    const own = columns.is(slot, flag.printed) ? [this.#traces.beginning(slot)] : [];
    const facts = this.#traces.facts(slot);
    const body = Buffer.from(JSON.stringify({ facts, owned, printed: [...printed, ...own] } satisfies FullBody));
    const length = headBytes + columns.textLength(slot, text.id) + 4 * Math.min(links.length, maxLinks) + body.length;
    if (this.#used + length > blockBytes) this.#flush();
    // One trace may fill more than a block: it gets one of its own.
    const isLarge = length > blockBytes;
    const block = isLarge ? chunkOf(Buffer.allocUnsafe(length)) : this.#block;
    const from = isLarge ? 0 : this.#used;
    body.copy(block.bytes, this.#head(block, from, slot, hash, links, full | (isQuestion ? question : 0)));
    block.view.setUint32(from, length, true);
    if (isLarge) this.#spill.write(block.bytes);
    else this.#used += length;
  }
}

/** What `#full` wrote; nobody else writes there. */
interface FullBody {
  readonly facts: readonly Fact[];
  readonly printed: readonly number[];
  readonly owned: readonly Owned[];
}

function linksIn(block: Buffer, from: number): number {
  return block.readUInt16LE(from + 14);
}

function linkIn(block: Buffer, from: number, link: number): number {
  return block.readInt32LE(from + headBytes + (block[from + 13] ?? 0) + 4 * link);
}

function isAsked(block: Buffer, from: number, asked: HashSet): boolean {
  if (((block[from + 12] ?? 0) & question) !== 0 || asked.has(block.readInt32LE(from + 4))) return true;
  for (let link = 0; link < linksIn(block, from); link++) if (asked.has(linkIn(block, from, link))) return true;
  return false;
}

/** One trace at a time goes through these to become facts again. */
const reader = new Traces(1);

function read(block: Buffer, from: number, places: Places): RememberedTrace | undefined {
  const place = places.all[block.readUInt32LE(from + 8)];
  if (place === undefined) return undefined;
  const flags = block[from + 12] ?? 0;
  const idFrom = from + headBytes;
  const idEnd = idFrom + (block[from + 13] ?? 0);
  const queueId = block.toString('latin1', idFrom, idEnd);
  let end = idEnd + 4 * linksIn(block, from);
  if ((flags & full) !== 0) {
    const body: FullBody = JSON.parse(block.toString('utf8', end, from + block.readUInt32LE(from)));
    return { place, queueId, ...body };
  }
  const { columns } = reader;
  const { view } = chunkOf(block);
  const slot = columns.create(view, idFrom, idEnd, 0, place, 0);
  for (let which = 0; which < timeCount; which++, end += 8) columns.setTime(slot, which, block.readDoubleLE(end));
  columns.setMessageId(slot, block.readInt32LE(end));
  end += 4;
  for (const which of texts) {
    const length = block[end] ?? 0;
    columns.putText(slot, which, view, end + 1, end + 1 + length);
    end += 1 + length;
  }
  const printed = (flags & flag.printed) !== 0 ? [reader.beginning(slot)] : [];
  const facts = reader.facts(slot);
  columns.remove(slot);
  return { place, queueId, facts, printed, owned: [] };
}

/** Of a queue ID on a relay, whichever instance: a claim names no instance. */
export function relayHash(relayNumber: number, queueId: string): number {
  return relayHashOf(relayNumber, hashOfText(queueId));
}

/** The same from the ID's own hash. */
export function relayHashOf(relayNumber: number, hash: number): number {
  return (Math.imul(hash, 0x27d4eb2d) ^ Math.imul(relayNumber + 1, 0x165667b1)) | 0;
}
