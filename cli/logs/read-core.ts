import { createHash } from 'node:crypto';
import { PartCollector } from '../../shared/correlate/collect.ts';
import type { Part } from '../../shared/correlate/facts.ts';
import { parseLine } from '../../shared/parse/line.ts';
import { openLog } from './read.ts';

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 11);

export interface LogContents {
  /** One part per relay: a line's relay is its host field. */
  readonly parts: readonly Part[];
  readonly lines: { total: number; parsed: number; ignored: number; malformed: number };
}

/** Reads logs through the core: the same parser and collector that the hub runs. */
export async function readLogs(paths: readonly string[], zone: string): Promise<LogContents> {
  const collectors = new Map<string, PartCollector>();
  const lines = { total: 0, parsed: 0, ignored: 0, malformed: 0 };
  for (const path of paths) {
    const log = openLog(path);
    const context = { zone, nearMicros: log.writtenAt * 1000 };
    for await (const line of log.lines) {
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
