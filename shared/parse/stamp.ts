import type { TimeContext } from './record.ts';
import { decimal, digitAt, isAt } from './scan.ts';
import { instantOf } from './zone.ts';

/**
 * The time stamp at a line's beginning, one pair of functions per form: where it ends (-1: not of this form) and
 * which instant it says.
 *   RFC 3164   `Nov 24 10:13:12`, `Nov  4 10:13:12`, `Nov 4 10:13:12`: no year, no zone
 *   year first `2013 Jun 12 06:35:24.123`: no zone (syslog-ng, and what log collectors export)
 *   RFC 3339   `2026-11-24T10:13:12.123456+01:00`: fraction and offset may be absent; a blank may stand for the T, and
 *              systemd leaves the offset's colon out
 * Each may have a fraction (journalctl -o short-precise).
 */
const months: readonly string[] = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const daysIn = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const daySeconds = 86_400;
const blank = 32;
const plus = 43;
const hyphen = 45;
const dot = 46;
const colon = 58;

/** Index after the stamp that begins at `from`, or -1 if no known form begins there. */
export function endOfStamp(line: string, from: number): number {
  if (digitAt(line, from) < 0) return endOfRfc3164(line, from);
  return line.charCodeAt(from + 4) === blank ? endOfYearFirst(line, from) : endOfRfc3339(line, from);
}

/** The instant of a stamp that `endOfStamp` found, in microseconds; or why it is none. */
export function stampMicros(line: string, from: number, end: number, context: TimeContext): number | string {
  if (digitAt(line, from) < 0) return wallClockMicros(line, from, end, context, rfc3164Minute);
  if (line.charCodeAt(from + 4) === blank) return wallClockMicros(line, from, end, context, yearFirstMinute);
  return rfc3339Micros(line, from, end, context);
}

const stampInside =
  /(?:^|[^ ?])(?:(?:\d{4} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}\d{1,2} |(?:1 )?\d{4}-\d\d-\d\d[T ])\d\d:\d\d:\d\d/;

/**
 * Whether another line may begin inside a text: two that were written as one, so that nothing stands between them. In
 * what a client typed, a line's end became a `?` (printable(3)).
 */
export function holdsStamp(text: string): boolean {
  return text.indexOf(':') >= 0 && stampInside.test(text);
}

function endOfRfc3164(line: string, from: number): number {
  let at = from + 3;
  if (line.charCodeAt(at) !== blank) return -1;
  at += line.charCodeAt(at + 1) === blank ? 2 : 1;
  if (digitAt(line, at) < 0) return -1;
  at += digitAt(line, at + 1) >= 0 ? 2 : 1;
  if (line.charCodeAt(at) !== blank || !isClockAt(line, at + 1)) return -1;
  at += 9;
  return line.charCodeAt(at) === dot ? endOfDigits(line, at + 1) : at;
}

function endOfYearFirst(line: string, from: number): number {
  return digitAt(line, from + 3) < 0 ? -1 : endOfRfc3164(line, from + 5);
}

function wallClockMicros(line: string, from: number, end: number, context: TimeContext, read: ReadMinute) {
  // The seconds end where the stamp does, unless a fraction follows them.
  const secondsEnd = line.charCodeAt(end - 3) === colon ? end : line.lastIndexOf('.', end);
  const minute = minuteAt(line, from, secondsEnd - 3, context, read);
  if (typeof minute === 'string') return minute;
  const micros = secondsEnd === end ? 0 : fractionMicros(line, secondsEnd + 1);
  return inMinute(minute, twoDigits(line, secondsEnd - 2), micros);
}

/** The digits from `from` on as microseconds; what is finer is dropped. */
function fractionMicros(line: string, from: number): number {
  let micros = 0;
  for (let at = from; at < from + 6; at++) {
    const digit = digitAt(line, at);
    if (digit < 0) return micros * (tenTo[from + 6 - at] ?? 0);
    micros = micros * 10 + digit;
  }
  return micros;
}

const tenTo = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

function endOfDigits(line: string, from: number): number {
  let at = from;
  while (digitAt(line, at) >= 0) at += 1;
  return at;
}

/** `end` is that of the minutes. */
function yearFirstMinute(line: string, from: number, end: number, context: TimeContext): number | string {
  const year = decimal(line, from, from + 4);
  const { month, day, clock } = wallClock(line, from + 5, end);
  const midnight = Date.UTC(year, month, day);
  const exists = month >= 0 && day >= 1 && clock >= 0 && new Date(midnight).getUTCDate() === day;
  return exists ? zoned(midnight / 1000 + clock, context) : noSuchTime;
}

function rfc3164Minute(line: string, from: number, end: number, context: TimeContext): number | string {
  const { month, day, clock } = wallClock(line, from, end);
  if (month < 0 || day < 1 || day > (daysIn[month] ?? 0) || clock < 0) return noSuchTime;
  return zoned(nearestYear(month, day, context.nearMicros / 1e6) + clock, context);
}

/** `Nov 24 10:13` from `from` to `end`; month and clock (seconds since midnight) are negative where they are none. */
function wallClock(line: string, from: number, end: number): { month: number; day: number; clock: number } {
  const tens = digitAt(line, end - 8);
  return {
    month: months.indexOf(line.slice(from, from + 3)),
    day: (tens < 0 ? 0 : tens * 10) + digitAt(line, end - 7),
    clock: clockSeconds(line, end - 5),
  };
}

/**
 * Midnight of a day that names no year, in the year that brings it nearest to `nearSeconds`: December's lines are
 * last year's in January, and the 29th of February belongs to a leap year.
 */
function nearestYear(month: number, day: number, nearSeconds: number): number {
  const year = new Date(nearSeconds * 1000).getUTCFullYear();
  const leapDay = month === 1 && day === 29;
  let best = leapDay ? Number.NaN : Date.UTC(year, month, day) / 1000;
  // Within half a year no other year comes nearer.
  if (Math.abs(best - nearSeconds) < 182 * daySeconds) return best;
  // Leap years stand up to eight years apart (around 2100).
  const reach = leapDay ? 8 : 1;
  for (let other = year - reach; other <= year + reach; other++) {
    const midnight = Date.UTC(other, month, day);
    if (new Date(midnight).getUTCDate() !== day) continue;
    const nearer = !(Math.abs(best - nearSeconds) <= Math.abs(midnight / 1000 - nearSeconds));
    if (nearer) best = midnight / 1000;
  }
  return best;
}

function endOfRfc3339(line: string, from: number): number {
  const middle = line.charCodeAt(from + 10);
  const isDate = line.charCodeAt(from + 4) === hyphen && line.charCodeAt(from + 7) === hyphen;
  const separators = isDate && (middle === 84 || middle === blank);
  if (!separators || !isClockAt(line, from + 11)) return -1;
  const end = line.indexOf(' ', from + 19);
  return end < 0 ? line.length : end;
}

function rfc3339Micros(line: string, from: number, end: number, context: TimeContext): number | string {
  const seconds = twoDigits(line, from + 17);
  let at = from + 19;
  let micros = 0;
  if (line.charCodeAt(at) === dot) {
    micros = fractionMicros(line, at + 1);
    at = endOfDigits(line, at + 1);
  }
  const zoneless = at === end;
  const minute = minuteAt(line, from, from + 16, context, zoneless ? rfc3339LocalMinute : rfc3339Minute);
  if (typeof minute === 'string') return minute;
  const here = inMinute(minute, seconds, micros);
  if (zoneless || typeof here === 'string') return here;
  const sign = line.charCodeAt(at);
  if ((sign === 90 || sign === 122) && at + 1 === end) return here;
  const hours = twoDigits(line, at + 1);
  const minutesFrom = line.charCodeAt(at + 3) === colon ? at + 4 : at + 3;
  const minutes = twoDigits(line, minutesFrom);
  const isOffset = (sign === plus || sign === hyphen) && hours < 24 && minutes < 60;
  if (!isOffset || minutesFrom + 2 !== end) return 'no offset after the time';
  const offset = (hours * 60 + minutes) * minuteMicros;
  return sign === hyphen ? here + offset : here - offset;
}

/** The minute as UTC. */
function rfc3339Minute(line: string, from: number): number | string {
  const month = decimal(line, from + 5, from + 7) - 1;
  const day = decimal(line, from + 8, from + 10);
  const clock = clockSeconds(line, from + 11);
  const midnight = Date.UTC(decimal(line, from, from + 4), month, day);
  const exists = month >= 0 && month < 12 && new Date(midnight).getUTCDate() === day && clock >= 0;
  return exists ? (midnight / 1000 + clock) * 1e6 : noSuchTime;
}

function rfc3339LocalMinute(line: string, from: number, _end: number, context: TimeContext): number | string {
  const minute = rfc3339Minute(line, from);
  return typeof minute === 'string' ? minute : zoned(minute / 1e6, context);
}

const minuteMicros = 60_000_000;
const noSuchTime = 'no such date or time';

type ReadMinute = (line: string, from: number, end: number, context: TimeContext) => number | string;

/** The minute read last: neighbours in a log mostly share it. Same arguments, same answer. */
let last: { text: string; zone: string; nearMicros: number; read: ReadMinute; minute: number | string } | undefined;

/** What `read` makes of the text `[from, end)`, which says all but the seconds: microseconds, or why not. */
function minuteAt(line: string, from: number, end: number, context: TimeContext, read: ReadMinute): number | string {
  const { zone, nearMicros } = context;
  if (last?.read === read && last.nearMicros === nearMicros && last.zone === zone && isAt(line, last.text, from)) {
    if (last.text.length === end - from) return last.minute;
  }
  const minute = read(line, from, end, context);
  last = { text: line.slice(from, end), zone, nearMicros, read, minute };
  return minute;
}

/** A leap second reads as the next minute's first. */
function inMinute(minute: number, seconds: number, micros: number): number | string {
  return seconds <= 60 ? minute + seconds * 1e6 + micros : noSuchTime;
}

function zoned(wallSeconds: number, { zone, nearMicros }: TimeContext): number | string {
  const instant = instantOf(zone, wallSeconds, nearMicros / 1e6);
  if (instant === undefined) return `${JSON.stringify(zone.slice(0, 64))} is no IANA zone`;
  return Number.isNaN(instant) ? 'the instant to be near to is none' : instant * 1e6;
}

/** The number that two digits make, or NaN. */
function twoDigits(line: string, at: number): number {
  const tens = digitAt(line, at);
  const ones = digitAt(line, at + 1);
  return tens < 0 || ones < 0 ? Number.NaN : tens * 10 + ones;
}

/** Whether `hh:mm:ss` begins at `at`. */
function isClockAt(line: string, at: number): boolean {
  return line.charCodeAt(at + 2) === colon && line.charCodeAt(at + 5) === colon && digitAt(line, at + 7) >= 0;
}

/** Seconds since midnight of `hh:mm` at `at`, or -1. */
function clockSeconds(line: string, at: number): number {
  const hours = decimal(line, at, at + 2);
  const minutes = decimal(line, at + 3, at + 5);
  return hours < 24 && minutes < 60 ? (hours * 60 + minutes) * 60 : -1;
}
