import { createHash } from 'node:crypto';
import { LineSplitter } from '../../agent/lines.ts';
import { PartCollector } from '../../shared/correlate/collect.ts';
import type { Part } from '../../shared/correlate/facts.ts';
import { parseLine } from '../../shared/parse/line.ts';
import { type LogFile, logFile } from './log-file.ts';

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 11);

export interface LogContents {
  /** One part per relay: a line's relay is its host field. */
  readonly parts: readonly Part[];
  readonly lines: { total: number; parsed: number; ignored: number; malformed: number };
}

/** Stamps without a year are taken from the year before the file's last change, not from the year after. */
const halfYearMicros = 182 * 86_400_000_000;

/** Reads logs through the core: the same parser and collector that the hub runs. @throws usage Failure */
export async function readLogs(paths: readonly string[], zone: string): Promise<LogContents> {
  const collectors = new Map<string, PartCollector>();
  const lines = { total: 0, parsed: 0, ignored: 0, malformed: 0 };
  for (const file of paths.map(logFile)) {
    const context = { zone, nearMicros: file.writtenAt * 1000 - halfYearMicros };
    for await (const line of linesOf(file)) {
      lines.total += 1;
      const parsed = parseLine(line, context);
      if ('ignored' in parsed) lines.ignored += 1;
      else if ('malformed' in parsed) lines.malformed += 1;
      else {
        lines.parsed += 1;
        const relay = parsed.ok.host;
        const collector = collectors.get(relay) ?? new PartCollector(relay, hash, Number.NEGATIVE_INFINITY);
        collectors.set(relay, collector);
        collector.add(parsed);
      }
    }
  }
  return { parts: [...collectors.values()].map((each) => each.part()), lines };
}

/** A line ends at a newline byte and nowhere else: any other end is a text that a stranger may have chosen (I1). */
async function* linesOf(file: LogFile): AsyncGenerator<string> {
  const log = file.open();
  const splitter = new LineSplitter(0);
  try {
    for (let bytes = await log.next(); bytes !== undefined; bytes = await log.next()) {
      for (const { text } of splitter.push(bytes)) yield text;
    }
    const last = splitter.finish();
    if (last !== undefined) yield last.text;
  } finally {
    log.close();
  }
}
