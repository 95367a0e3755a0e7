import { indexOf } from './bytes';

/** Queue IDs as `../../parse/queue-id.ts` has them, so far as a look at the usual forms can tell. */

const hexDigit: u8 = 1;
const base52Digit: u8 = 2;
const z: u8 = 122;
const hexDigits = '0123456789ABCDEFabcdef';
const base52Digits = '0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz';

/** Of each byte: which alphabets it belongs to, and its value as a base-52 digit. */
const alphabets = heap.alloc(256);
const values = heap.alloc(256);
memory.fill(alphabets, 0, 256);
memory.fill(values, 0, 256);
for (let value = 0; value < hexDigits.length; value++) store<u8>(alphabets + hexDigits.charCodeAt(value), hexDigit);
for (let value = 0; value < base52Digits.length; value++) {
  const code = base52Digits.charCodeAt(value);
  store<u8>(alphabets + code, load<u8>(alphabets + code) | base52Digit);
  store<u8>(values + code, <u8>value);
}

/** Surely an ID: a short one, or a long one of six digits of seconds, four of microseconds, `z` and inode. */
export function isId(from: usize, end: usize): bool {
  const length = end - from;
  if (length < 6 || length > 21) return false;
  const common = alphabetsOf(from, end);
  if ((common & hexDigit) !== 0) return true;
  const separator = from + 10;
  if ((common & base52Digit) === 0 || length < 12 || length > 19 || indexOf(z, separator, end) !== separator)
    return false;
  if (indexOf(z, separator + 1, end) < end) return false;
  let micros: u32 = 0;
  for (let at = separator - 4; at < separator; at++) micros = micros * 52 + load<u8>(values + load<u8>(at));
  return micros < 1_000_000;
}

/** Surely none. What is neither surely the one nor the other is asked of the parser. */
export function isNoId(from: usize, end: usize): bool {
  const length = end - from;
  return length < 6 || length > 26 || alphabetsOf(from, end) === 0;
}

/** The two halves of a key, as `../key.ts` makes them. */
export let one: u32 = 0;
export let other: u32 = 0;

export function setKey(from: usize, end: usize, salt: u32): void {
  let at = from;
  one = <u32>(end - from);
  other = salt;
  for (; at + 4 <= end; at += 4) mix(load<u32>(at), 0);
  let rest: u32 = 0;
  for (; at < end; at++) rest = (rest << 8) | load<u8>(at);
  mix(rest, salt);
}

function mix(word: u32, salt: u32): void {
  one = (one ^ word ^ salt) * 0x9e3779b1;
  one ^= one >> 15;
  other = (other ^ word) * 0x85ebca6b;
  other ^= other >> 13;
}

function alphabetsOf(from: usize, end: usize): u8 {
  let common: u8 = hexDigit | base52Digit;
  for (let at = from; at < end && common !== 0; at++) common &= load<u8>(alphabets + load<u8>(at));
  return common;
}
