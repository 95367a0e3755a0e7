/**
 * Bytes four at a time: a `DataView` reads a word from any place as fast as an array reads a byte. All words are little
 * endian, as signed numbers.
 */

export interface Chunk {
  readonly bytes: Buffer;
  /** Of the same memory. */
  readonly view: DataView;
}

export function chunkOf(bytes: Buffer): Chunk {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/** A text to be recognised: its words, the last one overlapping the one before; four bytes at least. */
export interface Pattern {
  readonly length: number;
  readonly first: number;
  readonly words: Int32Array;
  /** Of the last word. */
  readonly last: number;
}

export function patternOf(text: string): Pattern {
  const bytes = new TextEncoder().encode(text);
  const view = new DataView(bytes.buffer);
  const words = Int32Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => view.getInt32(index * 4, true));
  const last = view.getInt32(bytes.length - 4, true);
  return { length: bytes.length, first: words[0] ?? 0, words, last };
}

/** Whether a pattern stands at `at`, and ends before `end`. */
export function isAt(view: DataView, at: number, end: number, pattern: Pattern): boolean {
  if (at < 0 || at + pattern.length > end || view.getInt32(at, true) !== pattern.first) return false;
  const { words, length } = pattern;
  for (let word = 1; word < words.length; word++) {
    if (view.getInt32(at + word * 4, true) !== words[word]) return false;
  }
  return view.getInt32(at + length - 4, true) === pattern.last;
}

/** Index of the first byte equal to `byte` in `[from, end)`, or `end`. For places that are a few bytes away. */
export function indexOfByte(view: DataView, byte: number, from: number, end: number): number {
  const repeated = Math.imul(byte, 0x01010101);
  let at = from;
  for (; at + 4 <= end; at += 4) {
    const zeros = zeroBytes(view.getInt32(at, true) ^ repeated);
    if (zeros !== 0) return at + firstZero(zeros);
  }
  for (; at < end; at++) if (view.getUint8(at) === byte) return at;
  return end;
}

/** Index of the first byte equal to one of two. */
export function indexOfEither(view: DataView, one: number, other: number, from: number, end: number): number {
  const ones = Math.imul(one, 0x01010101);
  const others = Math.imul(other, 0x01010101);
  let at = from;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    // The first mark of each is true; of both together the lower one is the first.
    const zeros = lowest(zeroBytes(word ^ ones)) | lowest(zeroBytes(word ^ others));
    if (zeros !== 0) return at + firstZero(zeros);
  }
  for (; at < end; at++) {
    const byte = view.getUint8(at);
    if (byte === one || byte === other) return at;
  }
  return end;
}

function lowest(bits: number): number {
  return bits & -bits;
}

/** Sets the highest bit of the first byte that is zero, and perhaps of some that come after it; 0 if none is. */
function zeroBytes(word: number): number {
  return (word - 0x01010101) & ~word & 0x80808080;
}

/** Which byte `zeroBytes` found first. */
function firstZero(zeros: number): number {
  return (31 - Math.clz32(zeros & -zeros)) >> 3;
}

/** Whether `[from, end)` holds the same bytes as as many at `other` in `otherView`. */
export function isSame(view: DataView, from: number, end: number, otherView: DataView, other: number): boolean {
  let at = from;
  let otherAt = other;
  for (; at + 4 <= end; at += 4, otherAt += 4) {
    if (view.getInt32(at, true) !== otherView.getInt32(otherAt, true)) return false;
  }
  for (; at < end; at++, otherAt++) if (view.getUint8(at) !== otherView.getUint8(otherAt)) return false;
  return true;
}

/** Copies `[from, end)` to `target`; returns the index after the copy. Quicker than `Buffer.copy` for short texts. */
export function copyBytes(view: DataView, from: number, end: number, target: DataView, to: number): number {
  let at = from;
  let toAt = to;
  for (; at + 4 <= end; at += 4, toAt += 4) target.setInt32(toAt, view.getInt32(at, true), true);
  for (; at < end; at++, toAt++) target.setUint8(toAt, view.getUint8(at));
  return toAt;
}

/** A hash of `[from, end)`: equal for equal bytes, and good for nothing else. */
export function hashOf(view: DataView, from: number, end: number): number {
  let hash = end - from;
  let at = from;
  for (; at + 4 <= end; at += 4) hash = step(hash, view.getInt32(at, true));
  let rest = 0;
  for (; at < end; at++) rest = (rest << 8) | view.getUint8(at);
  return step(hash, rest);
}

function step(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

/** Whether all of `[from, end)` are ASCII. */
export function isAscii(view: DataView, from: number, end: number): boolean {
  let at = from;
  let seen = 0;
  for (; at + 4 <= end; at += 4) seen |= view.getInt32(at, true);
  for (; at < end; at++) seen |= view.getUint8(at);
  return (seen & 0x80808080) === 0;
}
