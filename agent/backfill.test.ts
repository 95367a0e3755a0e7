import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LinesMessage } from '../shared/wire/events.ts';
import { maxBackfillBytes } from '../shared/wire/orders.ts';
import { backfillPacks } from './backfill.ts';

let folder: string;
let file: string;
/** Longer than a backfill may ask for; its end is no line's end. */
const line = `${'x'.repeat(180)} postfix/anvil[1]: statistics\n`;
const lines = Math.ceil(maxBackfillBytes / line.length) + 10;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-backfill-'));
  file = join(folder, 'mail.log');
  await writeFile(file, line.repeat(lines));
});
afterAll(() => rm(folder, { recursive: true }));

async function ranges(from: number, to: number): Promise<[number, number][]> {
  const packs: LinesMessage[] = [];
  for await (const pack of backfillPacks({ relay: 'mx1', file, zone: 'UTC', from, to })) packs.push(pack);
  return packs.map((pack) => [pack.from, pack.to]);
}

describe('a backfill', () => {
  it('of a piece of a larger range sends the lines that end within it, and the next piece goes on there', async () => {
    const end = Math.floor(maxBackfillBytes / line.length) * line.length;
    expect(await ranges(0, maxBackfillBytes)).toEqual([[0, end]]);
    expect(await ranges(end, line.length * lines)).toEqual([[end, line.length * lines]]);
  });

  it('of a range that begins or ends within a line fails, and says so', async () => {
    const wanted = /no recent generation of .*mail.log has lines from byte/;
    await expect(ranges(1, line.length)).rejects.toThrow(wanted);
    await expect(ranges(0, line.length - 1)).rejects.toThrow(wanted);
    await expect(ranges(0, line.length * (lines + 1))).rejects.toThrow(wanted);
  });
});
