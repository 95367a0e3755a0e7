import { clientAt } from './client.ts';
import { type Draft, ignored, ok } from './grammar.ts';
import type { Action, Head, Parsed } from './record.ts';
import { isAt } from './scan.ts';

/**
 * `ACTION: WHERE from CLIENT: TEXT` of smtpd and cleanup (log_whatsup in smtpd_check.c, cleanup_milter.c): access
 * maps, policy services, milters and content checks that held, rejected or discarded. `hold` before the first
 * accepted recipient says NOQUEUE instead of an ID.
 */
const actions: ReadonlyMap<string, Action['action'] | 'warning'> = new Map([
  ['hold', 'hold'],
  ['milter-hold', 'hold'],
  ['milter-header-hold', 'hold'],
  ['milter-body-hold', 'hold'],
  ['reject', 'reject'],
  ['milter-reject', 'reject'],
  ['milter-header-reject', 'reject'],
  ['milter-body-reject', 'reject'],
  ['proxy-reject', 'reject'],
  ['discard', 'discard'],
  ['milter-discard', 'discard'],
  ['milter-header-discard', 'discard'],
  ['milter-body-discard', 'discard'],
  // Would have been refused, but was let through.
  ['reject_warning', 'warning'],
  ['warn', 'warning'],
  ['warning', 'warning'],
]);
const longestAction = 24;

/** Reads the action at `at`, after the queue ID or NOQUEUE; other texts about a message are notes. */
export function actionAt(line: string, at: number, head: Head, queueId?: string): Parsed {
  const colon = line.indexOf(': ', at);
  const action = colon > at && colon - at <= longestAction ? actions.get(line.slice(at, colon)) : undefined;
  if (action === undefined) return ignored('note');
  if (action === 'warning') return ignored('warning');
  const from = colon + 2;
  const place = endOfPlace(line, from);
  const client = place < 0 ? undefined : clientAt(line, place);
  const known = client !== undefined && isAt(line, ': ', client.end);
  const text = line.slice(known ? client.end + 2 : from);
  const record: Draft<Action> = { ...head, kind: 'action', action, text };
  if (queueId !== undefined) record.queueId = queueId;
  if (known) record.client = client.address;
  return ok(record);
}

/**
 * Index after `RCPT from `, `END-OF-MESSAGE from ` …: an SMTP command, in capitals. Header and body checks write
 * `header TEXT from CLIENT;` instead, in small letters, and there TEXT is a stranger's and may name any client: -1.
 */
function endOfPlace(line: string, from: number): number {
  let at = from;
  for (let code = line.charCodeAt(at); (code >= 65 && code <= 90) || code === 45; code = line.charCodeAt(at)) at += 1;
  return at > from && isAt(line, ' from ', at) ? at + 6 : -1;
}
