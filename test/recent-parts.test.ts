import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openHubDatabase } from '../hub/database.ts';
import { SqliteItemTable } from '../hub/items.ts';
import type { Part } from '../shared/correlate/facts.ts';
import { PartStore } from '../shared/store/parts.ts';

const minute = 60_000;
const t0 = Date.parse('2026-11-25T11:30:00Z');

function part(relay: string): Part {
  return { relay, counts: { parsed: 0, malformed: 0, ignored: {}, tooLate: 0 }, traces: [] };
}

/** Time passes, a pack is stored as it comes in, and somebody looks at a window that ends now or lies back. */
const step = fc.record({
  passMs: fc.integer({ min: 0, max: 12 * minute }),
  relay: fc.constantFrom('mx1', 'mx2'),
  backMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 * minute })),
  spanMs: fc.integer({ min: 0, max: 20 * minute }),
  reading: fc.constantFrom('new' as const, 'all' as const, 'none' as const),
});

test('I2: a process that has read before is told the same as one that reads everything, whatever it looked at before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-parts-'));
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const db = openHubDatabase(join(folder, `${run++}.sqlite`));
      const table = new SqliteItemTable(db, () => t0);
      const writer = new PartStore(table);
      const warm = new PartStore(table);
      let now = t0;
      try {
        for (const [index, { passMs, relay, backMs, spanMs, reading }] of steps.entries()) {
          now += passMs;
          for (const each of ['mx1', 'mx2']) await writer.put(part(each), now, `${index}`);
          const to = now - backMs;
          // Who asks for nothing new has just read up to there.
          if (reading === 'none') await warm.between(relay, to - spanMs, to);
          const seen = await warm.between(relay, to - spanMs, to, reading);
          const all = await new PartStore(table).between(relay, to - spanMs, to);
          expect(seen.map(({ key }) => key)).toEqual(all.map(({ key }) => key));
        }
      } finally {
        db.close();
      }
    }),
    { numRuns: 150 },
  );
  await rm(folder, { recursive: true });
}, 60_000);
