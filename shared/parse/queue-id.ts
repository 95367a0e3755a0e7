/**
 * Queue IDs, as Postfix makes them (mail_queue.h): short ones are five hex digits of microseconds and the inode in
 * hex; long ones (`enable_long_queue_ids`) are the seconds (six digits of base 52 or more), the microseconds (four),
 * a `z`, and the inode in base 51, which has no `z`. An ID is text: some short ones read as words or as numbers with
 * an exponent, and long ones are case-sensitive.
 */
const digits52 = '0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz';
const z = 122;
const hexDigit = 1;
const safeDigit = 2;

/** Of each ASCII code: which alphabets it belongs to. */
const alphabets = new Uint8Array(128);
/** Of each ASCII code: its value as a base-52 digit. */
const values = new Uint8Array(128);
for (const [value, digit] of [...digits52].entries()) {
  alphabets[digit.charCodeAt(0)] = safeDigit;
  values[digit.charCodeAt(0)] = value;
}
for (const digit of '0123456789ABCDEFabcdef') {
  alphabets[digit.charCodeAt(0)] = (alphabets[digit.charCodeAt(0)] ?? 0) | hexDigit;
}

/** Five digits of microseconds and a 64-bit inode. */
const shortLengths = { min: 6, max: 21 };
/** Seconds, microseconds, `z`, and an inode of at most twelve digits. */
const longLengths = { min: 12, max: 26 };
const microsDigits = 4;

export function isQueueId(text: string): boolean {
  return text.length <= longLengths.max && endOfQueueId(text, 0) === text.length;
}

/**
 * Time inside a long ID, microseconds since the epoch: that of the `client=` or pickup line. `undefined` for a short
 * ID, and for any other text.
 */
export function longIdMicros(queueId: string): number | undefined {
  return isQueueId(queueId) ? microsBefore(queueId, 0, queueId.lastIndexOf('z')) : undefined;
}

/** Index after the queue ID that begins at `from`, or -1 if none does. */
export function endOfQueueId(text: string, from: number): number {
  const limit = Math.min(text.length, from + longLengths.max + 1);
  let common = hexDigit | safeDigit;
  let separator = -1;
  let end = from;
  for (; end < limit; end++) {
    const code = text.charCodeAt(end);
    const kinds = code < 128 ? (alphabets[code] ?? 0) : 0;
    if (kinds === 0) break;
    common &= kinds;
    if (code === z) separator = end;
  }
  // A letter that belongs to neither alphabet goes on with the word: what we read is only its beginning.
  if (end < text.length && isAlphanumeric(text.charCodeAt(end))) return -1;
  const length = end - from;
  if ((common & hexDigit) !== 0 && length >= shortLengths.min && length <= shortLengths.max) return end;
  if ((common & safeDigit) === 0 || length < longLengths.min || length > longLengths.max) return -1;
  return separator < end - 1 && microsBefore(text, from, separator) !== undefined ? end : -1;
}

/** Decodes seconds and microseconds from `from` to the `z` at `separator`. */
function microsBefore(text: string, from: number, separator: number): number | undefined {
  const split = separator - microsDigits;
  if (split - from < 6) return undefined;
  let seconds = 0;
  for (let index = from; index < split; index++) seconds = seconds * 52 + (values[text.charCodeAt(index)] ?? 0);
  let micros = 0;
  for (let index = split; index < separator; index++) micros = micros * 52 + (values[text.charCodeAt(index)] ?? 0);
  const total = seconds * 1_000_000 + micros;
  return micros < 1_000_000 && Number.isSafeInteger(total) ? total : undefined;
}

function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}
