import { seeded } from '../chaos/schedule.ts';

/** Seeded chance: the same seed gives the same log, the same mails, the same damage. */
export class Dice {
  /** In [0, 1). */
  readonly roll: () => number;

  constructor(seed: number) {
    this.roll = seeded(seed);
  }

  /** A whole number in [0, limit). */
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

  /** Mostly short, sometimes long: as times between independent events are. */
  around(mean: number): number {
    return -Math.log(1 - this.roll()) * mean;
  }
}
