import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Part } from '../correlate/facts.ts';
import { maxBackfillBytes } from '../wire/orders.ts';
import { type FileChain, place } from './chain.ts';
import { decideGaps, dueGaps } from './gaps.ts';

const t0 = 1_764_000_000_000;
const minuteMs = 60_000;
const counts = { parsed: 0, malformed: 0, ignored: {}, tooLate: 0 };

/** A pack of the bytes from..to whose facts are of these log times (seconds after t0); none where absent. */
function pack(from: number, to: number, firstSecond?: number, lastSecond = firstSecond): Part {
  const seconds = firstSecond === undefined || lastSecond === undefined ? [] : [firstSecond, lastSecond];
  const facts = seconds.map((second) => ({ kind: 'removed' as const, atMicros: (t0 + second * 1000) * 1000 }));
  return {
    relay: 'mx1',
    range: { file: '/var/log/mail.log', from, to },
    counts,
    traces: [{ instance: 'postfix', queueId: '4ABC', facts }],
  };
}

function chainOf(...parts: readonly Part[]): FileChain {
  const chain: FileChain = { generations: [], heardAt: 0 };
  for (const part of parts) place(chain, part, t0);
  return chain;
}

/** Open gaps, a minute after the last pack came. */
function gapsIn(chain: FileChain): [number, number][] {
  return dueGaps(chain, t0 + minuteMs).map(({ from, to }) => [from, to]);
}

describe('a chain', () => {
  test('of packs that join has no gap, wherever it was first seen', () => {
    expect(gapsIn(chainOf(pack(5000, 6000, 1), pack(6000, 7000, 2), pack(7000, 9000)))).toEqual([]);
  });

  test('with a pack missing has a gap of exactly its bytes', () => {
    expect(gapsIn(chainOf(pack(0, 1000, 1), pack(2000, 3000, 3)))).toEqual([[1000, 2000]]);
  });

  test('a gap is none before it has been open for a minute, and none once it is filled', () => {
    const chain = chainOf(pack(0, 1000, 1), pack(2000, 3000, 3));
    expect(dueGaps(chain, t0 + minuteMs - 1)).toEqual([]);
    place(chain, pack(1000, 1500, 2), t0 + 1);
    place(chain, pack(1400, 2000, 2), t0 + 2);
    expect(dueGaps(chain, t0 + 3_600_000)).toEqual([]);
  });

  test('the rest of a gap that is being filled is waited for anew', () => {
    const chain = chainOf(pack(0, 1000, 1), pack(5000, 6000, 6));
    place(chain, pack(1000, 2000, 2), t0 + 50_000);
    expect(dueGaps(chain, t0 + minuteMs)).toEqual([]);
    expect(dueGaps(chain, t0 + 50_000 + minuteMs)).toMatchObject([{ from: 2000, to: 5000 }]);
  });

  test('a line end that a shipper did not count is no gap', () => {
    expect(gapsIn(chainOf(pack(0, 1000, 1), pack(1002, 2000, 3)))).toEqual([]);
  });

  test('a rotated file begins at 0 again, and packs of the old one may still come', () => {
    const old = [pack(0, 1000, 1), pack(1000, 2000, 60)];
    const fresh = [pack(0, 500, 100), pack(500, 900, 160)];
    expect(gapsIn(chainOf(...old, pack(2000, 3000, 90), ...fresh))).toEqual([]);
    expect(gapsIn(chainOf(...old, ...fresh, pack(2000, 3000, 90)))).toEqual([]);
    expect(gapsIn(chainOf(...old, ...fresh, pack(2500, 3000, 90)))).toEqual([[2000, 2500]]);
  });

  test('a rotated file whose first pack is lost shows by new lines on covered ground', () => {
    const chain = chainOf(pack(0, 9000, 1, 60), pack(800, 1600, 100), pack(1600, 2000, 110));
    expect(gapsIn(chain)).toEqual([[0, 800]]);
    place(chain, pack(0, 800, 90), t0);
    expect(gapsIn(chain)).toEqual([]);
  });

  test('a gap of the generation before is filled by its own lines, not by the new ones of the same offsets', () => {
    const chain = chainOf(pack(0, 1000, 1), pack(2000, 3000, 30), pack(0, 1500, 100), pack(1500, 2500, 130));
    expect(gapsIn(chain)).toEqual([[1000, 2000]]);
    place(chain, pack(1000, 2000, 20), t0);
    expect(gapsIn(chain)).toEqual([]);
  });

  test('new packs that overtake the one that begins the rotated file are of that file', () => {
    const overtaken = [pack(0, 300, 1), pack(900, 1200, 110), pack(1200, 2000, 120), pack(0, 900, 100)];
    expect(gapsIn(chainOf(...overtaken, pack(2000, 2400, 130)))).toEqual([]);
  });

  test('what its shipper reads again from the beginning, packed otherwise, opens nothing', () => {
    expect(
      gapsIn(chainOf(pack(0, 1000, 1, 20), pack(1000, 2000, 21, 40), pack(0, 700, 1, 15), pack(700, 2100, 16, 42))),
    ).toEqual([]);
  });
});

describe('a relay is asked', () => {
  test('once, again after ten minutes, three times in all; then the lines are lost', () => {
    const chain = chainOf(pack(0, 1000, 1), pack(2000, 3000, 3));
    const rounds = Array.from({ length: 60 }, (_, minute) => decideGaps(chain, t0 + minute * minuteMs, 9));
    const asked = rounds.flatMap(({ ask }, minute) => ask.map((range) => ({ minute, ...range })));
    expect(asked).toEqual([1, 11, 21].map((minute) => ({ minute, from: 1000, to: 2000 })));
    expect(rounds.flatMap(({ lost }, minute) => lost.map((range) => ({ minute, ...range })))).toEqual([
      { minute: 31, from: 1000, to: 2000 },
    ]);
  });

  test('for a large range piece by piece', () => {
    const end = 3 * maxBackfillBytes;
    const chain = chainOf(pack(0, 1000, 1), pack(end, end + 1000, 3));
    expect(decideGaps(chain, t0 + minuteMs, 9).ask).toEqual([{ from: 1000, to: 1000 + maxBackfillBytes }]);
    place(chain, pack(1000, 900 + maxBackfillBytes, 2), t0 + 2 * minuteMs);
    expect(decideGaps(chain, t0 + 3 * minuteMs, 9).ask).toEqual([
      { from: 900 + maxBackfillBytes, to: 900 + 2 * maxBackfillBytes },
    ]);
  });
});

/**
 * Generations of a file as the sizes of their packs; log time rises by 10 s a pack. A rotated file is larger than the
 * packs that are under way at once.
 */
const generations = fc.array(fc.array(fc.integer({ min: 30_000, max: 60_000 }), { minLength: 8, maxLength: 25 }), {
  minLength: 1,
  maxLength: 3,
});

function packsOf(sizes: readonly (readonly number[])[]): { part: Part; isLast: boolean; isFirst: boolean }[] {
  let second = 0;
  return sizes.flatMap((each) => {
    let at = 0;
    return each.map((size, index) => {
      second += 10;
      at += size;
      const part = pack(at - size, at, second, second + 9);
      return { part, isLast: index === each.length - 1, isFirst: index === 0 };
    });
  });
}

/** Each pack is overtaken by those up to three behind it, and some come again any time later. */
function shuffled<T>(items: readonly T[], delays: readonly number[], again: readonly number[]): T[] {
  const order = items.map((item, index) => ({ item, at: index + (delays[index % delays.length] ?? 0) }));
  const repeats = items.map((item, index) => ({ item, at: index + 4 + (again[index % again.length] ?? 0) }));
  return [...order, ...repeats.filter((_, index) => (again[index % again.length] ?? 0) % 3 === 0)]
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

const delays = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 9 });
const again = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 9 });

test('I2: duplicates, overlaps, reordering and replays of whole generations leave no gap', () => {
  fc.assert(
    fc.property(generations, delays, again, fc.integer({ min: 0, max: 40 }), (sizes, delay, repeat, replay) => {
      const packs = packsOf(sizes).map(({ part }) => part);
      // Within one generation order is free; over a rotation a pack is not overtaken by one that begins a file.
      const parts = sizes.flatMap((each, index) => {
        const from = sizes.slice(0, index).reduce((sum, { length }) => sum + length, 0);
        return shuffled(packs.slice(from, from + each.length), delay, repeat);
      });
      const replayed = packs.slice(Math.min(replay, packs.length - 1));
      const chain = chainOf(...parts, ...replayed);
      // As the sweep does before it asks: what was sent lately is looked at once more.
      if (gapsIn(chain).length > 0) for (const part of packs) place(chain, part, t0);
      expect(gapsIn(chain)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('a lost pack leaves a gap of exactly its bytes, and its backfill in other packs closes it', () => {
  fc.assert(
    fc.property(generations, fc.nat(), fc.integer({ min: 2, max: 5 }), (sizes, choice, pieces) => {
      const packs = packsOf(sizes);
      const losable = packs.filter(({ isFirst, isLast }) => !isFirst && !isLast);
      const lost = losable[choice % Math.max(1, losable.length)]?.part;
      if (lost?.range === undefined) return;
      const chain = chainOf(...packs.map(({ part }) => part).filter((part) => part !== lost));
      const { from, to } = lost.range;
      expect(gapsIn(chain)).toEqual([[from, to]]);
      const times = lost.traces[0]?.facts.map(({ atMicros }) => (atMicros / 1000 - t0) / 1000) ?? [];
      for (let piece = 0; piece < pieces; piece++) {
        const cut = (part: number): number => from + Math.floor(((to - from) * part) / pieces);
        place(chain, pack(cut(piece), cut(piece + 1), times[0], times[1]), t0);
      }
      expect(gapsIn(chain)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('I11: whatever ranges a relay claims, its chain keeps few generations and few gaps', () => {
  const claim = fc.tuple(fc.maxSafeNat(), fc.maxSafeNat(), fc.option(fc.nat({ max: 1_000_000 }), { nil: undefined }));
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 200 }), (claims) => {
      const chain = chainOf(...claims.map(([from, length, second]) => pack(from, from + length, second)));
      expect(chain.generations.length).toBeLessThanOrEqual(3);
      for (const { gaps } of chain.generations) expect(gaps.length).toBeLessThanOrEqual(8);
      expect(JSON.stringify(chain).length).toBeLessThan(4_000);
    }),
  );
});
