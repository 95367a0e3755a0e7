import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byCore, byEngine } from './ids.fixture.ts';
import { disordered, log, written } from './log.fixture.ts';

const form = fc.constantFrom('rfc3164' as const, 'rfc3339' as const);
const shuffledLog = log.chain((ordered) => fc.tuple(fc.constant(ordered), disordered(ordered)));

/** Pieces of a buffer, cut anywhere. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });
function pieces(text: string, at: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const places = [0, ...at.map((share) => Math.floor(share * bytes.length)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

describe('ids equals what the core attributes', () => {
  test('over logs in order', () => {
    fc.assert(
      fc.property(log, form, (ordered, how) => {
        const text = written(ordered, how);
        expect(byEngine([Buffer.from(text)])).toEqual(byCore(text));
      }),
      { numRuns: 500 },
    );
  });

  test('I2: over the same lines up to five minutes late, some twice, in pieces cut at any byte', () => {
    fc.assert(
      fc.property(shuffledLog, form, cuts, ([ordered, shuffled], how, at) => {
        expect(byEngine(pieces(written(shuffled, how), at))).toEqual(byCore(written(ordered, how)));
      }),
      { numRuns: 500 },
    );
  });

  test('rows at the end of lives, outcomes counted, and rows of what is still queued', () => {
    fc.assert(
      fc.property(
        shuffledLog,
        form,
        fc.constantFrom('ended' as const, 'open' as const),
        ([ordered, late], how, rows) => {
          expect(byEngine([Buffer.from(written(late, how))], { rows })).toEqual(byCore(written(ordered, how), rows));
        },
      ),
      { numRuns: 600 },
    );
  });
});
