import { readFileSync } from 'node:fs';
import * as z from 'zod';

/** A reading of hub time that survives a restart of the program, and as a lower bound one of the machine. */
export const clockReading = z.strictObject({
  hubMillis: z.int(),
  /** The kernel's monotonic clock, which counts on across processes … */
  monotonicMillis: z.number(),
  /** … of one boot. */
  boot: z.string(),
});
export type ClockReading = z.infer<typeof clockReading>;

/**
 * Hub time: the highest `issuedAt` verified plus the monotonic clock since. The relay's wall clock counts only before
 * the first message, so whoever sets it can neither revive an expired order nor end a containment early.
 */
export class HubClock {
  #base: { hubMillis: number; monotonicMillis: number } | undefined;
  readonly #boot: string;

  constructor(reading?: ClockReading) {
    this.#boot = bootId();
    if (reading === undefined) return;
    // After a reboot the time in between is unknown: hub time goes on from where it stood.
    const monotonicMillis = this.isOfThisBoot(reading) ? reading.monotonicMillis : monotonic();
    this.#base = { hubMillis: reading.hubMillis, monotonicMillis };
  }

  /** ms since the epoch. */
  now(): number {
    if (this.#base === undefined) return Date.now();
    return Math.floor(this.#base.hubMillis + monotonic() - this.#base.monotonicMillis);
  }

  /** A verified message was issued at this time: it is at least that late. */
  witness(issuedAtMillis: number): void {
    if (this.#base === undefined || issuedAtMillis > this.now()) {
      this.#base = { hubMillis: issuedAtMillis, monotonicMillis: monotonic() };
    }
  }

  /** Of this boot? Its monotonic reading means something only then. */
  isOfThisBoot(reading: ClockReading): boolean {
    return reading.boot === this.#boot;
  }

  reading(): ClockReading {
    return { hubMillis: this.now(), monotonicMillis: monotonic(), boot: this.#boot };
  }
}

function monotonic(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Without one (not Linux) every start counts as a boot.
    return `${process.pid}-${Date.now()}`;
  }
}
