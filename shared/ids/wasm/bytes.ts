/**
 * Texts in memory. Words are read whole, so that up to fifteen bytes behind a text are touched, though they do not
 * count: there is always memory behind one.
 */

/** Index of the first such byte in `[from, end)`, or `end`. */
export function indexOf(byte: u8, from: usize, end: usize): usize {
  const wanted = i8x16.splat(byte);
  for (let at = from; at < end; at += 16) {
    const found = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (found !== 0) return min(at + ctz(found), end);
  }
  return end;
}

/** Whether a text stands at `at`, and ends before `end`. */
export function isAt(at: usize, end: usize, text: ArrayBuffer): bool {
  const length = text.byteLength;
  return at + length <= end && isSame(at, changetype<usize>(text), length);
}

export function isSame(one: usize, other: usize, length: usize): bool {
  let at: usize = 0;
  for (; at + 8 <= length; at += 8) {
    if (load<u64>(one + at) !== load<u64>(other + at)) return false;
  }
  return first(load<u64>(one + at) ^ load<u64>(other + at), length - at) === 0;
}

/** A hash of 16 bits of `[from, end)`: equal for equal bytes, and good for nothing else. */
export function hashOf(from: usize, end: usize): usize {
  let hash: u64 = end - from;
  let at = from;
  for (; at + 8 <= end; at += 8) hash = step(hash, load<u64>(at));
  // Products carry upward: only the highest bits depend on all bytes.
  return <usize>(step(hash, first(load<u64>(at), end - at)) >> 48);
}

export function isDigit(code: u32): bool {
  return code - 48 < 10;
}

export function isAlphanumeric(code: u32): bool {
  return isDigit(code) || (code | 32) - 97 < 26;
}

/** The first bytes of a word, fewer than eight. */
function first(word: u64, length: usize): u64 {
  return length === 0 ? 0 : word << (64 - (length << 3));
}

function step(hash: u64, word: u64): u64 {
  const mixed = (hash ^ word) * 0x9e3779b97f4a7c15;
  return mixed ^ (mixed >> 32);
}
