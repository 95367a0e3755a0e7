import { parseLine } from '../parse/line.ts';
import type { TimeContext } from '../parse/record.ts';
import { endOfStamp, stampMicros } from '../parse/stamp.ts';

const dayMicros = 86_400_000_000;
/** Less than half an hour by as much as lines may fall back, in the hour that passes twice. */
const aheadMicros = 29 * 60_000_000;
/** The two usual forms, to the minute; seconds, fraction, offset, and the blank behind them. */
const usualStamp = /^(\D.{11}:|\d.{15}:)([0-5]\d)(\.\d{0,6})?([^ ]{0,6}) /s;
const maxStamp = 33;

/** A minute as stamps have it. */
export interface Minute {
  /** `Nov 24 10:13:` or `2026-11-24T10:13:`. */
  readonly text: string;
  /** What follows seconds and fraction: `Z`, `+01:00` or nothing. */
  readonly offset: string;
  readonly micros: number;
}

/**
 * Reads time stamps from bytes, for one log. `shared/parse` reads each minute once; within the minute only the seconds
 * are read (wasm/sift.ts). A log goes forward: where stamps name no year, or an hour that passes twice, each is taken to
 * be near to the one before it.
 */
export class LogClock {
  readonly #zone: string;
  #context: TimeContext;
  /** The minute read last. */
  minute: Minute | undefined;
  /** Line time, to the minute. */
  nowMicros: number;

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
   * Reads the stamp of the line in `[from, end)`, if it is in one of the two usual forms, and keeps its minute; else
   * undefined: ask `parseLine`.
   */
  read(bytes: Buffer, from: number, end: number): number | undefined {
    const head = bytes.toString('latin1', from, Math.min(end, from + maxStamp));
    const [stamp, text, seconds, fraction = '.', offset] = usualStamp.exec(head) ?? [];
    if (stamp === undefined || text === undefined || offset === undefined) return undefined;
    const length = stamp.length - 1;
    if (endOfStamp(head, 0) !== length) return undefined;
    const instant = stampMicros(head, 0, length, this.#context);
    if (typeof instant === 'string') return undefined;
    this.saw(instant);
    const inMinute = Number(seconds) * 1_000_000 + Number(fraction.slice(1).padEnd(6, '0'));
    this.minute = { text, offset, micros: instant - inMinute };
    return instant;
  }

  /** The instant of the whole line in `[from, end)`, whatever its form; `undefined` if it has none. */
  timeOf(bytes: Buffer, from: number, end: number): number | undefined {
    const micros = this.read(bytes, from, end);
    if (micros !== undefined) return micros;
    const parsed = parseLine(bytes.toString('utf8', from, end), this.#context);
    return 'ok' in parsed ? parsed.ok.atMicros : undefined;
  }

  /** Takes note of a line's time. One stray stamp moves nothing; two that agree do. */
  saw(micros: number): void {
    const agree = Math.abs(micros - this.nowMicros) < dayMicros;
    this.nowMicros = micros;
    // Half an hour ahead: of the two hours of one name, the one that goes forward.
    if (agree) this.#context = { zone: this.#zone, nearMicros: micros + aheadMicros };
  }
}
