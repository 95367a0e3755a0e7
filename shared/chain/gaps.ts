import { maxBackfillBytes } from '../wire/orders.ts';
import type { FileChain } from './chain.ts';
import type { ByteRange, Gap } from './generation.ts';

/** On a standard queue packs overtake each other: a gap counts only when it is still open after this. */
const patienceMs = 60_000;
/** A relay that was asked gets this long to send what is missing … */
const answerMs = 10 * 60_000;
/** … and is asked this often. */
const maxAsked = 3;

/** Gaps to act on now: to be asked for, or, where that has been done in vain, to be given up. */
export function dueGaps({ generations }: FileChain, nowMs: number): Gap[] {
  return generations.flatMap(({ gaps }) => gaps.filter((gap) => isDue(gap, nowMs)));
}

function isDue({ asked, askedAt, seenAt }: Gap, nowMs: number): boolean {
  return asked === 0 ? nowMs - seenAt >= patienceMs : nowMs - askedAt >= answerMs;
}

export interface Decided {
  /** Ranges that the relay is to send again, each at most {@link maxBackfillBytes}. */
  readonly ask: readonly ByteRange[];
  /** Ranges that stay missing. */
  readonly lost: readonly ByteRange[];
}

/** Decides over the gaps that are due, and notes it in the chain. At most `maxAsks` are asked for; the rest waits. */
export function decideGaps(chain: FileChain, nowMs: number, maxAsks: number): Decided {
  const ask: ByteRange[] = [];
  const lost: ByteRange[] = [];
  for (const generation of chain.generations) {
    generation.gaps = generation.gaps.flatMap((gap) => {
      if (!isDue(gap, nowMs)) return [gap];
      const { from, to } = gap;
      if (gap.asked >= maxAsked) {
        lost.push({ from, to });
        return [];
      }
      if (ask.length >= maxAsks) return [gap];
      // What is left of a larger one is asked for when this much has arrived.
      ask.push({ from, to: Math.min(to, from + maxBackfillBytes) });
      return [{ ...gap, asked: gap.asked + 1, askedAt: nowMs }];
    });
  }
  return { ask, lost };
}
