import { isQueueId } from '../parse/queue-id.ts';
import { type Chunk, indexOfByte } from './words.ts';

const hexDigit = 1;
const base52Digit = 2;
const z = 122;
const alphabets = new Uint8Array(256);
const values = new Uint8Array(256);
for (const digit of '0123456789ABCDEFabcdef') alphabets[digit.charCodeAt(0)] = hexDigit;
for (const [value, digit] of [...'0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz'].entries()) {
  const code = digit.charCodeAt(0);
  alphabets[code] = (alphabets[code] ?? 0) | base52Digit;
  values[code] = value;
}

/**
 * Whether a queue ID stands in `[from, end)`, as `isQueueId` says. Short ones, and long ones of six digits of seconds,
 * four of microseconds below a million, `z` and inode, are recognised without a string.
 */
export function isIdAt({ bytes, view }: Chunk, from: number, end: number): boolean {
  const length = end - from;
  if (length < 6 || length > 26) return false;
  let common = hexDigit | base52Digit;
  for (let at = from; at < end; at++) common &= alphabets[view.getUint8(at)] ?? 0;
  if (common === 0) return false;
  if ((common & hexDigit) !== 0 && length <= 21) return true;
  if ((common & base52Digit) !== 0 && longMicrosAt(view, from, end) !== undefined) return true;
  return isQueueId(bytes.toString('latin1', from, end));
}

/** `longIdMicros` of the usual long ID that stands in `[from, end)`, whose digits are known to be such. */
export function longMicrosAt(view: DataView, from: number, end: number): number | undefined {
  const separator = from + 10;
  if (end - from < 12 || end - from > 19 || view.getUint8(separator) !== z) return undefined;
  if (indexOfByte(view, z, separator + 1, end) < end) return undefined;
  let seconds = 0;
  for (let at = from; at < from + 6; at++) seconds = seconds * 52 + (values[view.getUint8(at)] ?? 0);
  let micros = 0;
  for (let at = from + 6; at < separator; at++) micros = micros * 52 + (values[view.getUint8(at)] ?? 0);
  return micros < 1_000_000 ? seconds * 1_000_000 + micros : undefined;
}
