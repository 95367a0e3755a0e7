import { deliveryAt } from './delivery.ts';
import { afterId, endOfId, ignored, ignoredText, ok } from './grammar.ts';
import type { Head, Parsed } from './record.ts';
import { decimal, digitAt, isAt } from './scan.ts';

/** What qmgr(8) logs: messages entering the active queue, expiring, leaving; recipients that it deferred itself. */
export function parseQmgr(line: string, at: number, head: Head): Parsed {
  const idEnd = endOfId(line, at);
  if (idEnd < 0) return ignoredText(line, at);
  const queueId = line.slice(at, idEnd);
  const next = afterId(line, idEnd);
  if (isAt(line, 'from=<', next)) return sender(line, next + 'from=<'.length, head, queueId);
  if (isAt(line, 'removed', next) && line.length === next + 7) return ok({ ...head, kind: 'removed', queueId });
  if (isAt(line, 'to=<', next)) return deliveryAt(line, next, head, queueId);
  return ignored('note');
}

const activeTail = ' (queue active)';
const expiredTails = ['>, status=expired, returned to sender', '>, status=force-expired, returned to sender'];

/** A longer sender could be one that holds the tail itself and was cut just there; no logger cuts this early. */
const longestExpired = 512;

/**
 * `from=<SENDER>, size=N, nrcpt=N (queue active)` or `from=<SENDER>, status=expired, returned to sender`. The sender
 * is a stranger's and may hold either tail, so the record is read from its end. Postfix cuts a text at 2,000 bytes and
 * takes senders of 2,010 (measured on 3.7): one that long leaves no tail, and the line still shows that the message
 * exists. Then size is 0 and recipients 1, the least they can be.
 */
function sender(line: string, from: number, head: Head, queueId: string): Parsed {
  const tail = line.endsWith(activeTail) ? line.length - activeTail.length : line.length;
  const recipientsFrom = startOfDigits(line, tail);
  const recipientsMark = recipientsFrom - ', nrcpt='.length;
  const sizeFrom = startOfDigits(line, recipientsMark);
  const sizeMark = sizeFrom - '>, size='.length;
  if (isAt(line, ', nrcpt=', recipientsMark) && isAt(line, '>, size=', sizeMark) && sizeMark >= from) {
    const recipients = decimal(line, recipientsFrom, tail);
    const sizeBytes = decimal(line, sizeFrom, recipientsMark);
    // NaN: no digits, or more than a number holds.
    if (recipients >= 0 && sizeBytes >= 0) {
      return ok({ ...head, kind: 'queued', queueId, sender: line.slice(from, sizeMark), sizeBytes, recipients });
    }
  }
  const expired = expiredTails.find((text) => line.endsWith(text));
  const length = expired === undefined ? -1 : line.length - expired.length - from;
  if (length >= 0 && length <= longestExpired) {
    return ok({ ...head, kind: 'expired', queueId, sender: line.slice(from, from + length) });
  }
  return ok({
    ...head,
    kind: 'queued',
    queueId,
    sender: withoutCutTail(line.slice(from)),
    sizeBytes: 0,
    recipients: 1,
  });
}

/** Takes off what is left of a tail that was cut. */
function withoutCutTail(text: string): string {
  const at = text.lastIndexOf('>');
  const rest = at < 0 ? '' : text.slice(at).replace(/\d{1,15}/g, '0');
  return rest !== '' && '>, size=0, nrcpt=0 (queue active)'.startsWith(rest) ? text.slice(0, at) : text;
}

/** Index of the first of the digits that end before `end`. */
function startOfDigits(line: string, end: number): number {
  let at = end;
  while (digitAt(line, at - 1) >= 0) at -= 1;
  return at;
}
