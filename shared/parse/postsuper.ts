import { afterId, endOfId, ignored, ignoredText, ok } from './grammar.ts';
import type { Head, Parsed, Superseded } from './record.ts';

const acts: ReadonlyMap<string, Superseded['act']> = new Map([
  ['placed on hold', 'held'],
  ['released from hold', 'released'],
  ['requeued', 'requeued'],
  ['removed', 'purged'],
]);

/** What postsuper(1) logs: a line per message it touched, and totals. */
export function parsePostsuper(line: string, at: number, head: Head): Parsed {
  const idEnd = endOfId(line, at);
  if (idEnd < 0) return ignoredText(line, at);
  const act = acts.get(line.slice(afterId(line, idEnd)));
  return act === undefined ? ignored('note') : ok({ ...head, kind: 'superseded', queueId: line.slice(at, idEnd), act });
}
