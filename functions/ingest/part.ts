import { PartCollector } from '../../shared/correlate/collect.ts';
import type { Part } from '../../shared/correlate/facts.ts';
import { parseLine } from '../../shared/parse/line.ts';
import { retentionMs } from '../../shared/store/parts.ts';
import type { Deps } from '../deps.ts';
import type { Decoded } from './decode.ts';

const maxMalformedKept = 50;

/** Parses a pack's lines into a part, with the lines that could not be read. */
export async function partOf(
  deps: Deps,
  { message, lines }: Decoded,
  sentAt: number,
): Promise<{ part: Part; malformed: { reason: string; line: string }[] }> {
  const zone = message.zone ?? (await deps.relays.recent(message.relay, deps.nowMs()))?.zone ?? 'UTC';
  const context = { zone, nearMicros: sentAt * 1000 };
  const collector = new PartCollector(message.relay, deps.hash, (sentAt - retentionMs) * 1000);
  const malformed: { reason: string; line: string }[] = [];
  for (const line of lines) {
    const parsed = parseLine(line, context);
    collector.add(parsed);
    if ('malformed' in parsed && malformed.length < maxMalformedKept)
      malformed.push({ reason: parsed.malformed, line });
  }
  const { file, from, to } = message;
  return { part: { ...collector.part(), range: { file, from, to } }, malformed };
}
