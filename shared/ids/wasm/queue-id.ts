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
  return (common & base52Digit) !== 0 && longMicros(from, end) !== 0;
}

/** Whether an ID is a long one. */
export function isLong(from: usize, end: usize): bool {
  return indexOf(z, from, end) < end;
}

/** The time inside the usual long ID, whose digits are known to be such; 0 if it is another one. */
export function longMicros(from: usize, end: usize): f64 {
  const separator = from + 10;
  if (end - from < 12 || end - from > 19 || load<u8>(separator) !== z || isLong(separator + 1, end)) return 0;
  const micros = numberOf(separator - 4, separator);
  return micros < 1_000_000 ? <f64>numberOf(from, separator - 4) * 1_000_000 + micros : 0;
}

function numberOf(from: usize, end: usize): f64 {
  let number: u64 = 0;
  for (let at = from; at < end; at++) number = number * 52 + load<u8>(values + load<u8>(at));
  return <f64>number;
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
