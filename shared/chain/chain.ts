import * as z from 'zod';
import type { Part } from '../correlate/facts.ts';
import {
  type ByteRange,
  beginGeneration,
  cover,
  type Gap,
  type Generation,
  generation,
  isInGap,
  joins,
  splitOff,
} from './generation.ts';

/**
 * The offset chain of one log file of a relay. Each pack says which bytes of the file it stands for, and successive
 * packs join; so a pack that got lost on its way leaves a gap, and the relay can be asked for exactly those bytes.
 *
 * A rotation begins at 0 again under the same name, and packs may come in any order. Which generation a pack is of is
 * told by the log time of its facts: a generation's lines are newer than those of the one before. Packs without a fact
 * tell no time; they go to the current generation, or to the one that they join.
 *
 * Not seen: the last packs before a rotation, if they are lost, since nothing says where the old file ended. And where
 * packs overtake each other just after the rotation of a file of a few packs, one may be asked for that had arrived.
 */
export const fileChain = z.object({
  /** Oldest first. */
  generations: z.array(generation),
  /** When lines of it arrived last, hub time in ms; 0 before the first. */
  heardAt: z.int(),
  /** Since when the relay says that there is more than what arrived, hub time in ms; absent while it does not. */
  behindSince: z.int().optional(),
});
export type FileChain = z.infer<typeof fileChain>;

/** The agent looks at as many generations of a file for a range. */
const maxGenerations = 3;
/** Programs write side by side: their lines are this much out of order, at most. */
const disorderMicros = 5_000_000;
/** Packs are under way this long before a gap is looked into; what came in late was sent a little before. */
const lookBackMs = 10 * 60_000;
const maxLookBackMs = 6 * 3_600_000;

interface Times {
  readonly firstMicros: number;
  readonly lastMicros: number;
}

/** Puts a part's range into the chain. Returns gaps that are given up because their generation is too old. */
export function place(chain: FileChain, part: Part, nowMs: number): Gap[] {
  const { range } = part;
  if (range === undefined || range.to <= range.from) return [];
  const times = timesOf(part);
  const found = generationOf(chain, range, times);
  if (found === undefined) return [];
  const lookFrom = Math.max(nowMs - maxLookBackMs, Math.min(nowMs, chain.heardAt || nowMs) - lookBackMs);
  let dropped: Gap[] = [];
  let target: Generation;
  if (found === 'new') {
    // Of a generation that is not the first, the beginning is known.
    const isFirst = chain.generations.length === 0;
    const current = chain.generations.at(-1);
    const isRotation = current !== undefined && range.from === 0 && times !== undefined;
    const misplaced = isRotation ? splitOff(current, times.firstMicros) : undefined;
    target = misplaced ?? beginGeneration(isFirst ? range : { from: 0, to: 0 });
    chain.generations.push(target);
    if (chain.generations.length > maxGenerations) dropped = chain.generations.shift()?.gaps ?? [];
  } else target = found;
  cover(target, range, { seenAt: nowMs, lookFrom, behindMicros: times?.firstMicros ?? 0 });
  if (times !== undefined) {
    target.firstMicros = target.firstMicros === 0 ? times.firstMicros : Math.min(target.firstMicros, times.firstMicros);
    target.lastMicros = Math.max(target.lastMicros, times.lastMicros);
  }
  return dropped;
}

/** The generation that a range is of; undefined if it is older than all that is kept. */
function generationOf(chain: FileChain, range: ByteRange, times: Times | undefined): Generation | 'new' | undefined {
  const current = chain.generations.at(-1);
  if (current === undefined) return 'new';
  const older = chain.generations.slice(0, -1).reverse();
  if (times === undefined) {
    const joined = joins(current, range) ? current : older.find((each) => joins(each, range));
    return joined ?? current;
  }
  if (current.firstMicros === 0) return current;
  const { firstMicros, lastMicros } = times;
  if (firstMicros < current.firstMicros && lastMicros <= current.firstMicros) {
    const [previous] = older;
    if (isInGap(current, range) && firstMicros > (previous?.lastMicros ?? 0)) return current;
    if (previous === undefined) return current.start > 0 ? current : undefined;
    return older.find((each) => firstMicros >= each.firstMicros) ?? older.at(-1);
  }
  if (joins(current, range)) return current;
  const isNewer = firstMicros > current.lastMicros + disorderMicros;
  // Covered ground and new lines: a file that grew again from 0, whose beginning has not arrived.
  if (isNewer && (range.from === 0 || range.to <= current.end)) return 'new';
  const isOtherBeginning = range.from === 0 && current.start === 0;
  return isOtherBeginning && firstMicros > current.firstMicros + disorderMicros ? 'new' : current;
}

function timesOf({ traces }: Part): Times | undefined {
  let firstMicros = Number.POSITIVE_INFINITY;
  let lastMicros = 0;
  for (const { facts } of traces) {
    for (const { atMicros } of facts) {
      firstMicros = Math.min(firstMicros, atMicros);
      lastMicros = Math.max(lastMicros, atMicros);
    }
  }
  return lastMicros > 0 ? { firstMicros, lastMicros } : undefined;
}
