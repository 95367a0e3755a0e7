import { actionAt, refusalAt } from './action.ts';
import { deliveryAt } from './delivery.ts';
import { afterId, endOfId, ignoredText, ok } from './grammar.ts';
import type { Head, Parsed } from './record.ts';
import { isAt } from './scan.ts';

/** What cleanup(8) logs: message-ids, actions of checks and milters, and recipients that it bounced itself. */
export function parseCleanup(line: string, at: number, head: Head): Parsed {
  const idEnd = endOfId(line, at);
  if (idEnd < 0) {
    const refusal = isAt(line, 'warning: ', at) ? refusalAt(line, at + 9, head) : undefined;
    return refusal ?? ignoredText(line, at);
  }
  const queueId = line.slice(at, idEnd);
  const next = afterId(line, idEnd);
  const resent = isAt(line, 'resent-', next);
  const name = resent ? next + 'resent-'.length : next;
  if (isAt(line, 'message-id=', name)) {
    const messageId = withoutBrackets(line.slice(name + 'message-id='.length));
    return ok({ ...head, kind: 'messageId', queueId, messageId, resent });
  }
  if (isAt(line, 'to=<', next)) return deliveryAt(line, next, head, queueId);
  return actionAt(line, next, head, queueId);
}

/** The header's text is a stranger's to the line's end; `<…>` is its usual form, and not always closed. */
function withoutBrackets(text: string): string {
  return text.startsWith('<') && text.endsWith('>') ? text.slice(1, -1) : text;
}
