import { parseLine } from '../parse/line.ts';
import type { TimeContext } from '../parse/record.ts';
import { endOfStamp, stampMicros } from '../parse/stamp.ts';
import { type Chunk, chunkOf, copyBytes, indexOfByte, isSame } from './words.ts';

const dayMicros = 86_400_000_000;
/** Less than half an hour by as much as lines may fall back, in the hour that passes twice. */
const aheadMicros = 29 * 60_000_000;
const colon = 58;
const blank = 32;
const point = 46;

/**
 * Reads time stamps from bytes, for one log. `shared/parse` reads each minute once; within the minute only the seconds
 * are read here. A log goes forward: where stamps name no year, or an hour that passes twice, each is taken to be near
 * to the one before it.
 */
export class LogClock {
  readonly #zone: string;
  #context: TimeContext;
  /** The minute's text as read last: `Nov 24 10:13:` or `2026-11-24T10:13:`. */
  readonly #minute = new DataView(new ArrayBuffer(20));
  #minuteLength = 0;
  #minuteMicros = 0;
  /** What follows seconds and fraction in that stamp: `Z`, `+01:00` or nothing. */
  readonly #offset = new DataView(new ArrayBuffer(8));
  #offsetLength = 0;
  /** Line time, to the minute. */
  nowMicros: number;
  /** Index after the stamp that `read` found, and its instant: a number returned would be memory to be freed. */
  end = 0;
  micros = 0;

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
   * Reads the stamp at `at`, if it is in one of the two usual forms and a blank follows it within `limit`; else false: ask
   * `parseLine`.
   */
  read(chunk: Chunk, at: number, limit: number): boolean {
    if (at + 20 > limit) return false;
    const first = chunk.view.getUint8(at);
    return first >= 48 && first <= 57 ? this.#rfc3339(chunk, at, limit) : this.#rfc3164(chunk, at);
  }

  /** The instant of the whole line in `[from, end)`, whatever its form; `undefined` if it has none. */
  timeOf(bytes: Buffer, from: number, end: number): number | undefined {
    if (this.read(chunkOf(bytes), from, end)) return this.micros;
    const parsed = parseLine(bytes.toString('utf8', from, end), this.#context);
    return 'ok' in parsed ? parsed.ok.atMicros : undefined;
  }

  #rfc3164({ bytes, view }: Chunk, at: number): boolean {
    const tens = view.getUint8(at + 13) - 48;
    const ones = view.getUint8(at + 14) - 48;
    if (view.getUint8(at + 15) !== blank || tens < 0 || tens > 5 || ones < 0 || ones > 9) return false;
    const micros = (tens * 10 + ones) * 1_000_000;
    const isKnown = this.#minuteLength === 13 && isSame(view, at, at + 13, this.#minute, 0);
    if (!isKnown && !this.#learn(bytes, at, at + 15, 13, micros)) return false;
    this.end = at + 15;
    this.micros = this.#minuteMicros + micros;
    return true;
  }

  #rfc3339({ bytes, view }: Chunk, at: number, limit: number): boolean {
    const tens = view.getUint8(at + 17) - 48;
    const ones = view.getUint8(at + 18) - 48;
    if (tens < 0 || tens > 5 || ones < 0 || ones > 9) return false;
    let micros = (tens * 10 + ones) * 1_000_000;
    const end = indexOfByte(view, blank, at + 19, Math.min(limit, at + 33));
    if (end >= limit || end === at + 33) return false;
    let offsetFrom = at + 19;
    if (view.getUint8(offsetFrom) === point) {
      let unit = 100_000;
      for (offsetFrom += 1; offsetFrom < end; offsetFrom++) {
        const digit = view.getUint8(offsetFrom) - 48;
        if (digit < 0 || digit > 9) break;
        micros += digit * unit;
        // Beyond microseconds: another form.
        if (unit < 1) return false;
        unit = unit === 1 ? 0 : unit / 10;
      }
    }
    if (end - offsetFrom > 6) return false;
    const isKnown =
      this.#minuteLength === 17 &&
      this.#offsetLength === end - offsetFrom &&
      isSame(view, at, at + 17, this.#minute, 0) &&
      isSame(view, offsetFrom, end, this.#offset, 0);
    if (!isKnown) {
      if (!this.#learn(bytes, at, end, 17, micros)) return false;
      this.#offsetLength = end - offsetFrom;
      copyBytes(view, offsetFrom, end, this.#offset, 0);
    }
    this.end = end;
    this.micros = this.#minuteMicros + micros;
    return true;
  }

  /**
   * Has `shared/parse` read the stamp `[at, end)` and keeps its minute, the first `length` bytes; `micros` is how far
   * the stamp is into it.
   */
  #learn(bytes: Buffer, at: number, end: number, length: number, micros: number): boolean {
    if (bytes[at + length - 1] !== colon) return false;
    const stamp = bytes.toString('latin1', at, end);
    if (endOfStamp(stamp, 0) !== stamp.length) return false;
    const instant = stampMicros(stamp, 0, stamp.length, this.#context);
    if (typeof instant === 'string') return false;
    this.saw(instant);
    this.#minuteMicros = instant - micros;
    this.#minuteLength = length;
    copyBytes(chunkOf(bytes).view, at, at + length, this.#minute, 0);
    return true;
  }

  /** Takes note of a line's time. One stray stamp moves nothing; two that agree do. */
  saw(micros: number): void {
    const agree = Math.abs(micros - this.nowMicros) < dayMicros;
    this.nowMicros = micros;
    // Half an hour ahead: of the two hours of one name, the one that goes forward.
    if (agree) this.#context = { zone: this.#zone, nearMicros: micros + aheadMicros };
  }
}
