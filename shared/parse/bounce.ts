import { afterId, endOfId, ignored, ignoredText, malformed, ok } from './grammar.ts';
import { isQueueId } from './queue-id.ts';
import type { Head, Parsed } from './record.ts';
import { isAt } from './scan.ts';

const kinds = [
  'sender non-delivery notification: ',
  'sender delay notification: ',
  'sender delivery status notification: ',
  'postmaster non-delivery notification: ',
  'postmaster delay notification: ',
];

/** What bounce(8) logs, also as defer and trace: `QID: sender non-delivery notification: NEW`. */
export function parseBounce(line: string, at: number, head: Head): Parsed {
  const idEnd = endOfId(line, at);
  if (idEnd < 0) return ignoredText(line, at);
  const next = afterId(line, idEnd);
  const kind = kinds.find((text) => isAt(line, text, next));
  if (kind === undefined) return ignored('note');
  const childId = line.slice(next + kind.length);
  if (!isQueueId(childId)) return malformed('bounce: the notification has no queue ID', next + kind.length);
  return ok({ ...head, kind: 'notification', queueId: line.slice(at, idEnd), childId });
}
