import { actionAt, refusalAt } from './action.ts';
import { authFailureAt } from './auth-failure.ts';
import { clientAt } from './client.ts';
import { afterId, type Draft, endOfId, ignoredText, malformed, ok } from './grammar.ts';
import { isMechanism } from './mechanism.ts';
import { isQueueId } from './queue-id.ts';
import type { Acceptance, Connect, Head, Parsed, ProxyAcceptance } from './record.ts';
import { decimal, digitAt, isAt } from './scan.ts';
import { holdsStamp } from './stamp.ts';
import { proxyReplyAt, sessionLostAt } from './transaction.ts';

/** What smtpd(8) logs. */
export function parseSmtpd(line: string, at: number, head: Head): Parsed {
  const idEnd = endOfId(line, at);
  if (idEnd >= 0) {
    const next = afterId(line, idEnd);
    const queueId = line.slice(at, idEnd);
    if (!isAt(line, 'client=', next)) return actionAt(line, next, head, queueId);
    return acceptance(line, next + 'client='.length, head, queueId);
  }
  switch (line.charCodeAt(at)) {
    case 99: // c
      if (isAt(line, 'connect from ', at)) return connection(line, at + 13, head, 'connect');
      break;
    case 100: // d
      if (isAt(line, 'disconnect from ', at)) return connection(line, at + 16, head, 'disconnect');
      break;
    case 78: // N
      if (isAt(line, 'NOQUEUE: client=', at)) return acceptance(line, at + 16, head, undefined);
      if (isAt(line, 'NOQUEUE: ', at)) return actionAt(line, at + 9, head);
      break;
    case 119: // w
      if (isAt(line, 'warning: ', at)) return refusalAt(line, at + 9, head) ?? authFailureAt(line, at + 9, head);
      break;
    case 112: // p
      if (isAt(line, 'proxy-', at)) return proxyReplyAt(line, at, head);
      break;
    case 108: // l
    case 116: // t
      return sessionLostAt(line, at, head);
  }
  return ignoredText(line, at);
}

const methodMark = ', sasl_method=';
const loginMark = ', sasl_username=';
const senderMark = ', sasl_sender=';
const origIdMark = ', orig_queue_id=';
const origClientMark = ', orig_client=';

/**
 * `client=NAME[ADDRESS](:PORT)`, then, each only if it is there and always in this order (smtpd_sasl_proto.c),
 * `, sasl_method=` and `, sasl_username=` (a login), `, sasl_sender=` (the AUTH= parameter of MAIL FROM),
 * `, orig_queue_id=` and `, orig_client=` (XFORWARD, taken from trusted hosts only). Nothing is quoted or escaped.
 *
 * I1, by position: up to the client's closing bracket nothing is a stranger's. A login is there only if
 * `, sasl_method=` follows directly: after a field of smtpd's own comes AUTH=, which a client sets that never logged
 * in, and all that follows it may be its text, also what looks like `, orig_queue_id=`. So behind `sasl_sender`
 * nothing is read.
 *
 * The login reaches to the record's end or to the *first* mark of a later field. A login that itself holds such a
 * mark would be cut short; cutting at the last mark instead would let any thief lengthen his login by AUTH= and be
 * another account with each message. The first can only be done by somebody whose server gave him such a name
 * (Dovecot's auth_username_chars refuses commas), and the queue file's own attribute tells the whole name (I3).
 */
function acceptance(line: string, at: number, head: Head, queueId: string | undefined): Parsed {
  const client = clientAt(line, at);
  if (client === undefined) return malformed('smtpd: client= without NAME[ADDRESS]', at);
  const { name: clientName, address, port, end } = client;
  const record: Draft<Acceptance> | Draft<ProxyAcceptance> =
    queueId === undefined
      ? { ...head, kind: 'proxyAcceptance', clientName, client: address }
      : { ...head, kind: 'acceptance', queueId, clientName, client: address };
  if (port !== undefined) record.clientPort = port;
  if (end === line.length) return ok(record);
  if (!isAt(line, methodMark, end)) {
    return addLaterFields(record, line, end) ? ok(record) : malformed('smtpd: unknown text after the client', end);
  }
  const methodFrom = end + methodMark.length;
  const mark = line.indexOf(loginMark, methodFrom);
  if (mark < 0) return malformed('smtpd: sasl_method= without sasl_username=', methodFrom);
  // Anything else is damage, or another line that begins inside it.
  const method = line.slice(methodFrom, mark);
  if (!isMechanism(method)) return malformed('smtpd: sasl_method= is no mechanism', methodFrom);
  record.saslMethod = method;
  const loginFrom = mark + loginMark.length;
  const loginEnd = endOfLogin(line, loginFrom);
  if (loginEnd > loginFrom) {
    const login = line.slice(loginFrom, loginEnd);
    if (holdsStamp(login)) return malformed('smtpd: another line begins inside the login', loginFrom);
    record.login = login;
  }
  addLaterFields(record, line, loginEnd);
  return ok(record);
}

function endOfLogin(line: string, from: number): number {
  let end = line.length;
  // Most records end with the login: look for marks only if there is a comma at all.
  if (line.indexOf(', ', from) < 0) return end;
  for (const mark of [senderMark, origIdMark, origClientMark]) {
    const found = line.indexOf(mark, from);
    if (found >= 0 && found < end) end = found;
  }
  return end;
}

/** Adds the fields that begin at `at`, after client and login; false if none of them does. */
function addLaterFields(record: Draft<Acceptance> | Draft<ProxyAcceptance>, line: string, at: number): boolean {
  if (isAt(line, senderMark, at)) {
    record.saslSender = line.slice(at + senderMark.length);
    return true;
  }
  if (!isAt(line, origIdMark, at)) return isAt(line, origClientMark, at);
  const from = at + origIdMark.length;
  const comma = line.indexOf(', ', from);
  const origQueueId = line.slice(from, comma < 0 ? line.length : comma);
  // The sending host may be no Postfix; an ID of its own making links nothing.
  if (isQueueId(origQueueId)) record.origQueueId = origQueueId;
  return true;
}

function connection(line: string, at: number, head: Head, kind: 'connect' | 'disconnect'): Parsed {
  const client = clientAt(line, at);
  if (client === undefined) return malformed(`smtpd: ${kind} without NAME[ADDRESS]`, at);
  const record: Draft<Connect> = { ...head, kind, client: client.address };
  if (client.port !== undefined) record.clientPort = client.port;
  if (kind === 'disconnect') addDataCount(record, line, client.end);
  return ok(record);
}

const dataMark = ' data=';

/** ` data=1` or ` data=1/2`: how many of them succeeded. All after the client is smtpd's own. */
function addDataCount(record: Draft<Connect>, line: string, from: number): void {
  const mark = line.indexOf(dataMark, from);
  if (mark < 0) return;
  let end = mark + dataMark.length;
  while (digitAt(line, end) >= 0) end += 1;
  const count = decimal(line, mark + dataMark.length, end);
  if (!Number.isNaN(count)) record.dataAccepted = count;
}
