import { clientAt } from './client.ts';
import { afterId, type Draft, endOfId, ignored, ok } from './grammar.ts';
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
  const stageEnd = endOfStage(line, from);
  const stage = line.slice(from, stageEnd);
  // An SMTP command, in capitals. Header and body checks write `header TEXT from CLIENT;`: there TEXT is a stranger's
  // and may name any client.
  const first = line.charCodeAt(from);
  const command = first >= 65 && first <= 90;
  const client = command && isAt(line, ' from ', stageEnd) ? clientAt(line, stageEnd + 6) : undefined;
  const known = client !== undefined && isAt(line, ': ', client.end);
  const text = line.slice(known ? client.end + 2 : from);
  const record: Draft<Action> = { ...head, kind: 'action', action, stage, text };
  if (queueId !== undefined) record.queueId = queueId;
  if (known) record.client = client.address;
  const claimedLogin = command ? loginBehindHelo(text) : undefined;
  if (claimedLogin !== undefined) record.claimedLogin = claimedLogin;
  return ok(record);
}

/** smtpd and cleanup complain of a message that they refuse: `warning: QID: queue file size limit exceeded` … */
const refusals = ['queue file size limit exceeded', 'message rejected: '];

/** Reads a warning about a message, after `warning: `: a refusal, or undefined if it is none. */
export function refusalAt(line: string, at: number, head: Head): Parsed | undefined {
  const idEnd = endOfId(line, at);
  if (idEnd < 0) return undefined;
  const from = afterId(line, idEnd);
  if (!refusals.some((text) => isAt(line, text, from))) return undefined;
  const queueId = line.slice(at, idEnd);
  return ok({ ...head, kind: 'action', action: 'reject', stage: 'queue-file', queueId, text: line.slice(from) });
}

/** Index after the first word, which a blank or a colon ends. */
function endOfStage(line: string, from: number): number {
  let at = from;
  for (let code = line.charCodeAt(at); code !== 32 && code !== 58 && at < line.length; code = line.charCodeAt(at)) at++;
  return at;
}

const heloMark = ' helo=<';
const methodMark = ' sasl_method=';
const loginMark = ' sasl_username=';
const senderMark = ' sasl_sender=';

/**
 * The login at a record's end: `… helo=<NAME> sasl_username=<LOGIN>` (milters, proxy), or since Postfix 3.10 `…
 * helo=<NAME> sasl_method=PLAIN sasl_username=LOGIN sasl_sender=…` (log_whatsup). The client chooses NAME and the
 * addresses before it; of NAME smtpd keeps no blank and no bracket, so the last `helo=<` is Postfix's own unless LOGIN
 * or AUTH= holds one. AUTH= comes last, so the first mark of it ends LOGIN. Still a claim: a line may be cut anywhere.
 */
export function loginBehindHelo(text: string): string | undefined {
  // Quick to say no, as most records do.
  if (text.indexOf(loginMark) < 0) return undefined;
  const helo = text.lastIndexOf(heloMark);
  if (helo < 0) return undefined;
  let at = text.indexOf('>', helo) + 1;
  if (at === 0 || at === text.length) return undefined;
  if (isAt(text, methodMark, at)) at = text.indexOf(' ', at + 1);
  if (at < 0 || !isAt(text, loginMark, at)) return undefined;
  const from = at + loginMark.length;
  const sender = text.indexOf(senderMark, from);
  const login = text.slice(from, sender < 0 ? text.length : sender);
  const bare = login.startsWith('<') && login.endsWith('>') ? login.slice(1, -1) : login;
  return bare === '' ? undefined : bare;
}
