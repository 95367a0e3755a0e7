import { afterId, endOfId, ignored, ignoredText, malformed, ok } from './grammar.ts';
import { isQueueId } from './queue-id.ts';
import type { Head, Parsed } from './record.ts';
import { decimal, digitAt, isAt } from './scan.ts';

const origMark = ' orig_id=';

/**
 * What pickup(8) logs: `QID: uid=N from=<SENDER>`, and ` orig_id=OLD` after `postsuper -r`. A local user or a web
 * form's visitor chooses the sender. Where it holds a `>` of its own, an orig_id could be part of a sender that was
 * cut just there: then none is read, and the queue file tells (I3).
 */
export function parsePickup(line: string, at: number, head: Head): Parsed {
  const idEnd = endOfId(line, at);
  if (idEnd < 0) return ignoredText(line, at);
  const queueId = line.slice(at, idEnd);
  const next = afterId(line, idEnd);
  if (!isAt(line, 'uid=', next)) return ignored('note');
  const uidFrom = next + 'uid='.length;
  let uidEnd = uidFrom;
  while (digitAt(line, uidEnd) >= 0) uidEnd += 1;
  const uid = decimal(line, uidFrom, uidEnd);
  if (Number.isNaN(uid)) return malformed('pickup: uid= without a number', uidFrom);
  if (!isAt(line, ' from=<', uidEnd)) return malformed('pickup: no from=<…> after the uid', uidEnd);

  const from = uidEnd + ' from=<'.length;
  const base = { ...head, kind: 'pickup', queueId, uid } as const;
  const close = line.indexOf('>', from);
  if (close >= 0 && isAt(line, origMark, close + 1)) {
    const origId = line.slice(close + 1 + origMark.length);
    if (isQueueId(origId)) return ok({ ...base, sender: line.slice(from, close), origId });
  }
  const end = line.endsWith('>') ? line.length - 1 : line.length;
  return ok({ ...base, sender: line.slice(from, Math.max(from, end)) });
}
