/** Seeded chance: the same seed gives the same log, the same mails, the same damage. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1): mulberry32, small and the same everywhere. */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number in [0, below). */
  below(limit: number): number {
    return Math.floor(this.roll() * limit);
  }

  /** True in `share` of all cases. */
  chance(share: number): boolean {
    return this.roll() < share;
  }

  /** @throws Error where there is nothing to pick. */
  pick<T>(list: readonly T[]): T {
    const found = list[this.below(list.length)];
    if (found === undefined) throw new Error('nothing to pick from');
    return found;
  }

  /** Exponential, as times between independent events are. */
  pause(mean: number): number {
    return -Math.log(1 - this.roll()) * mean;
  }
}
