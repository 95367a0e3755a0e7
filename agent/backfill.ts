import type { LinesMessage } from '../shared/wire/events.ts';
import { maxBackfillBytes } from '../shared/wire/orders.ts';
import { LineSplitter } from './lines.ts';
import { type LogFile, type LogReader, logFiles, openLog } from './log-files.ts';
import { Packer } from './packer.ts';

/** Generations looked at: a gap is reported within minutes. */
const maxGenerations = 3;
const newline = 10;
const readBytes = 65_536;

/**
 * The lines of a byte range that did not arrive. A range does not say of which generation it is, so each recent one
 * where it begins and ends at line ends is packed; lines that arrive twice are harmless (I2).
 * @throws Error if no generation has it (any more)
 */
export async function* backfillPacks(options: {
  relay: string;
  file: string;
  zone: string;
  from: number;
  to: number;
}): AsyncGenerator<LinesMessage> {
  const { from, to, file } = options;
  let found = false;
  const generations = (await logFiles(file)).reverse().slice(0, maxGenerations);
  for (const generation of generations) {
    const reader = await openLog(generation);
    try {
      if (!(await isLineRange(generation, from, to))) continue;
      found = true;
      yield* packs(reader, options);
    } finally {
      await reader.close();
    }
  }
  if (!found) throw new Error(`backfill: no recent generation of ${file} has lines from byte ${from} to ${to}`);
}

async function* packs(
  reader: LogReader,
  options: { relay: string; file: string; zone: string; from: number; to: number },
): AsyncGenerator<LinesMessage> {
  const { relay, file, zone, from, to } = options;
  const packer = new Packer({ relay, file, zone });
  const splitter = new LineSplitter(from);
  while (splitter.position < to) {
    const bytes = await reader.read(splitter.position, Math.min(readBytes, to - splitter.position));
    if (bytes.length === 0) break;
    for (const line of splitter.push(bytes)) {
      if (packer.add(line)) continue;
      yield packer.take();
      packer.add(line);
    }
  }
  if (!packer.isEmpty) yield packer.take();
}

/** A compressed file is read forward only, hence a reader of its own. */
async function isLineRange(generation: LogFile, from: number, to: number): Promise<boolean> {
  const reader = await openLog(generation);
  try {
    const before = from === 0 || (await reader.read(from - 1, 1))[0] === newline;
    const last = (await reader.read(to - 1, 1))[0];
    // A piece of a larger range ends anywhere; its last line is in the next piece.
    return before && (last === newline || (last !== undefined && to - from === maxBackfillBytes));
  } finally {
    await reader.close();
  }
}
