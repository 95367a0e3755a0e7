import * as z from 'zod';

/** A range of a log file's bytes: `from` is a line's first byte, `to` the first byte after a line's end. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** Bytes that no pack stands for, between packs that arrived. All times are hub time, ms since the epoch. */
const gap = z.object({
  from: z.int(),
  to: z.int(),
  /** When it opened, or last became smaller. */
  seenAt: z.int(),
  /** Since when the packs that are missing may have been sent. */
  lookFrom: z.int(),
  /** Log time of the first fact in the pack behind it, when it opened; 0 where that had none. */
  behindMicros: z.int(),
  /** Times that the relay was asked for it since it last became smaller … */
  asked: z.int(),
  /** … and when last; 0 before the first. */
  askedAt: z.int(),
});
export type Gap = z.infer<typeof gap>;

/** One generation of a log file, from a rotation to the next: `start`..`end` arrived, but for the gaps. */
export const generation = z.object({
  start: z.int(),
  end: z.int(),
  /** Log time of its oldest and its newest line that is a fact; 0 while there was none. */
  firstMicros: z.int(),
  lastMicros: z.int(),
  gaps: z.array(gap),
});
export type Generation = z.infer<typeof generation>;

/** No log line is shorter, its time stamp alone has 15 bytes: less is no gap (a line end that a shipper did not count). */
const minLineBytes = 16;
/** Beyond it the two that are nearest become one: what lies between comes twice then, which is harmless (I2). */
const maxGaps = 8;

export function beginGeneration({ from, to }: ByteRange): Generation {
  return { start: from, end: to, firstMicros: 0, lastMicros: 0, gaps: [] };
}

export function joins({ end }: Generation, { from }: ByteRange): boolean {
  return Math.abs(from - end) < minLineBytes;
}

export function isInGap({ gaps }: Generation, { from, to }: ByteRange): boolean {
  return gaps.some((each) => from >= each.from && to <= each.to);
}

type Opened = Pick<Gap, 'seenAt' | 'lookFrom' | 'behindMicros'>;

/** Adds a pack's range; `opened` is for gaps that it opens. Order, repetition and overlap do not matter (I2). */
export function cover(generation: Generation, range: ByteRange, opened: Opened): void {
  const { start, end } = generation;
  const open = (from: number, to: number): Gap[] =>
    to - from < minLineBytes ? [] : [{ from, to, ...opened, asked: 0, askedAt: 0 }];
  const left = generation.gaps.flatMap((each) => subtract(each, range, opened.seenAt));
  generation.gaps = bounded([...open(range.to, start), ...left, ...open(end, range.from)]);
  generation.start = Math.min(start, range.from);
  generation.end = Math.max(end, range.to);
}

/**
 * A generation began at `micros`, as its first pack shows now: packs of it that came before went to `old`, and opened a
 * gap there. Takes them out again, as the generation that they are of.
 */
export function splitOff(old: Generation, micros: number): Generation | undefined {
  const at = old.gaps.findIndex(({ behindMicros }) => behindMicros >= micros);
  const [wrong, ...gaps] = at < 0 ? [] : old.gaps.splice(at);
  if (wrong === undefined) return undefined;
  const { end, lastMicros } = old;
  old.end = wrong.from;
  old.lastMicros = Math.min(lastMicros, micros);
  return { start: wrong.to, end, firstMicros: wrong.behindMicros, lastMicros, gaps };
}

/** What a range leaves of a gap. What becomes smaller is being filled: it is waited for anew. */
function subtract(whole: Gap, { from, to }: ByteRange, nowMs: number): Gap[] {
  if (to <= whole.from || from >= whole.to) return [whole];
  return [
    { ...whole, to: Math.min(whole.to, from), seenAt: nowMs, asked: 0, askedAt: 0 },
    { ...whole, from: Math.max(whole.from, to), seenAt: nowMs, asked: 0, askedAt: 0 },
  ].filter((rest) => rest.to - rest.from >= minLineBytes);
}

function bounded(gaps: Gap[]): Gap[] {
  while (gaps.length > maxGaps) {
    const between = gaps.slice(1).map((each, index) => each.from - (gaps[index]?.to ?? 0));
    const at = between.indexOf(Math.min(...between));
    const [a, b] = gaps.slice(at, at + 2);
    if (a === undefined || b === undefined) return gaps;
    gaps.splice(at, 2, { ...b, from: a.from, lookFrom: Math.min(a.lookFrom, b.lookFrom) });
  }
  return gaps;
}
