import { parseLine } from '../parse/line.ts';
import type { TimeContext } from '../parse/record.ts';
import { endOfStamp, stampMicros } from '../parse/stamp.ts';

const dayMicros = 86_400_000_000;
const colon = 58;
const blank = 32;

/**
 * Reads time stamps from bytes, for one log. `shared/parse` reads each minute once; within the minute only the seconds
 * are read here. A log goes forward: where stamps name no year, or an hour that passes twice, each is taken to be near
 * to the one before it.
 */
export class LogClock {
  readonly #zone: string;
  #context: TimeContext;
  /** The minute's text as read last: `Nov 24 10:13:` or `2026-11-24T10:13:`. */
  readonly #minute = new Uint8Array(17);
  #minuteLength = 0;
  #minuteMicros = 0;
  /** What follows seconds and fraction in that stamp: `Z`, `+01:00` or nothing. */
  readonly #offset = new Uint8Array(6);
  #offsetLength = 0;
  /** Line time, to the minute. */
  nowMicros: number;
  /** Index after the stamp that `read` found. */
  end = 0;

  /** `nearMicros`: when the first line was written, roughly (half a year). */
  constructor(zone: string, nearMicros: number) {
    this.#zone = zone;
    this.#context = { zone, nearMicros };
    this.nowMicros = nearMicros;
  }

  /** For `parseLine` on a line of this log. */
  get context(): TimeContext {
    return this.#context;
  }

  /**
   * The instant of the stamp at `at`, if it is in one of the two usual forms and a blank follows it within `limit`;
   * else -1: ask `parseLine`.
   */
  read(bytes: Buffer, at: number, limit: number): number {
    const first = bytes[at] ?? 0;
    return first >= 48 && first <= 57 ? this.#rfc3339(bytes, at, limit) : this.#rfc3164(bytes, at, limit);
  }

  /** The instant of the whole line in `[from, end)`, whatever its form; `undefined` if it has none. */
  timeOf(bytes: Buffer, from: number, end: number): number | undefined {
    const plain = this.read(bytes, from, end);
    if (plain >= 0) return plain;
    const parsed = parseLine(bytes.toString('utf8', from, end), this.#context);
    return 'ok' in parsed ? parsed.ok.atMicros : undefined;
  }

  #rfc3164(bytes: Buffer, at: number, limit: number): number {
    if (at + 16 > limit || bytes[at + 15] !== blank) return -1;
    const tens = (bytes[at + 13] ?? 0) - 48;
    const ones = (bytes[at + 14] ?? 0) - 48;
    if (tens < 0 || tens > 5 || ones < 0 || ones > 9) return -1;
    const micros = (tens * 10 + ones) * 1_000_000;
    if (!this.#isMinute(bytes, at, 13) && !this.#learn(bytes, at, at + 15, 13, micros)) return -1;
    this.end = at + 15;
    return this.#minuteMicros + micros;
  }

  #rfc3339(bytes: Buffer, at: number, limit: number): number {
    if (at + 20 > limit) return -1;
    const tens = (bytes[at + 17] ?? 0) - 48;
    const ones = (bytes[at + 18] ?? 0) - 48;
    if (tens < 0 || tens > 5 || ones < 0 || ones > 9) return -1;
    let micros = (tens * 10 + ones) * 1_000_000;
    let end = at + 19;
    if (bytes[end] === 46) {
      end += 1;
      let unit = 100_000;
      for (let code = bytes[end] ?? 0; code >= 48 && code <= 57; code = bytes[end] ?? 0) {
        micros += (code - 48) * unit;
        // Beyond microseconds: another form.
        if (unit < 1) return -1;
        unit = unit === 1 ? 0 : unit / 10;
        end += 1;
      }
    }
    const offsetFrom = end;
    while (end < limit && end - offsetFrom < 7 && bytes[end] !== blank) end += 1;
    if (bytes[end] !== blank || end >= limit || end - offsetFrom > 6) return -1;
    if (!this.#isMinute(bytes, at, 17) || !this.#isOffset(bytes, offsetFrom, end)) {
      if (!this.#learn(bytes, at, end, 17, micros)) return -1;
      this.#offsetLength = end - offsetFrom;
      for (let index = 0; index < this.#offsetLength; index++) this.#offset[index] = bytes[offsetFrom + index] ?? 0;
    }
    this.end = end;
    return this.#minuteMicros + micros;
  }

  #isMinute(bytes: Buffer, at: number, length: number): boolean {
    if (this.#minuteLength !== length) return false;
    const minute = this.#minute;
    // From the end, where times differ.
    for (let index = length - 1; index >= 0; index--) if (minute[index] !== bytes[at + index]) return false;
    return true;
  }

  #isOffset(bytes: Buffer, from: number, end: number): boolean {
    if (this.#offsetLength !== end - from) return false;
    for (let index = 0; index < this.#offsetLength; index++)
      if (this.#offset[index] !== bytes[from + index]) return false;
    return true;
  }

  /**
   * Has `shared/parse` read the stamp `[at, end)` and keeps its minute, the first `length` bytes; `micros` is how far
   * the stamp is into it.
   */
  #learn(bytes: Buffer, at: number, end: number, length: number, micros: number): boolean {
    if (bytes[at + length - 1] !== colon) return false;
    const text = bytes.toString('latin1', at, end);
    if (endOfStamp(text, 0) !== text.length) return false;
    const instant = stampMicros(text, 0, text.length, this.#context);
    if (typeof instant === 'string') return false;
    this.saw(instant);
    this.#minuteMicros = instant - micros;
    this.#minuteLength = length;
    for (let index = 0; index < length; index++) this.#minute[index] = bytes[at + index] ?? 0;
    return true;
  }

  /** Takes note of a line's time. One stray stamp moves nothing; two that agree do. */
  saw(micros: number): void {
    const agree = Math.abs(micros - this.nowMicros) < dayMicros;
    this.nowMicros = micros;
    if (agree) this.#context = { zone: this.#zone, nearMicros: micros };
  }
}
