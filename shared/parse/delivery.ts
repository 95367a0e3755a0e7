import { clientAt } from './client.ts';
import { afterId, type Draft, endOfId, ignored, ignoredText, malformed, ok } from './grammar.ts';
import { isQueueId } from './queue-id.ts';
import type { Delivery, DeliveryStatus, Head, Parsed } from './record.ts';
import { isAt } from './scan.ts';

/** What the delivery agents log (smtp, lmtp, local, virtual, pipe, error, discard): a line per recipient. */
export function parseDelivery(line: string, at: number, head: Head): Parsed {
  const idEnd = endOfId(line, at);
  if (idEnd < 0) return ignoredText(line, at);
  const next = afterId(line, idEnd);
  return isAt(line, 'to=<', next) ? deliveryAt(line, next, head, line.slice(at, idEnd)) : ignored('note');
}

const statuses: ReadonlyMap<string, DeliveryStatus> = new Map([
  ['sent', 'sent'],
  ['deferred', 'deferred'],
  ['bounced', 'bounced'],
  ['expired', 'expired'],
  ['deliverable', 'deliverable'],
  ['undeliverable', 'undeliverable'],
  // soft_bounce=yes: the bounce is kept back and the mail stays queued.
  ['SOFTBOUNCE', 'deferred'],
]);

const relayMark = ', relay=';
const origToMark = ', orig_to=<';
/** Recipients that look like a record over and over: tried so many times, then given up. */
const maxTries = 8;

/**
 * `to=<RECIPIENT>, orig_to=<…>, relay=…, conn_use=N, delay=N, delays=a/b/c/d, tls=…, dsn=N.N.N, status=WORD (REPLY)`
 * (log_adhoc.c; orig_to, conn_use, tls and, before 2.3, delays and dsn may be absent). The sender chooses the
 * recipients, the remote host its reply; either may hold a whole copy of such a record. What stands between them is
 * Postfix's own.
 *
 * I1, by position: Postfix quotes the local part of addresses it logs (info_log_address_format, since 3.5), so the
 * first `>` outside of quotes ends the recipient; from there each field follows the other, and the reply is all that
 * is left. An older Postfix quotes nothing: if no record follows that `>`, the first `>, relay=` that one follows
 * counts. And where the text `, relay=` stands twice, one of them is a stranger's: then no `queued as` is believed.
 */
export function deliveryAt(line: string, at: number, head: Head, queueId: string): Parsed {
  const from = at + 'to=<'.length;
  let recipient = recipientAt(line, from);
  let outcome = recipient === undefined ? undefined : outcomeAt(line, recipient.relayMark);
  for (let tries = 0, close = from - 1; outcome === undefined && tries < maxTries; tries++) {
    close = line.indexOf(`>${relayMark}`, close + 1);
    if (close < 0) break;
    recipient = { end: close, relayMark: close + 1 };
    outcome = outcomeAt(line, recipient.relayMark);
  }
  if (recipient === undefined || outcome === undefined) {
    return malformed('delivery: no relay=, delay= and status= after the recipient', from);
  }
  const { delaySeconds, dsn, status, reply, complete } = outcome;
  const to = line.slice(from, recipient.end);
  const record: Draft<Delivery> = { ...head, kind: 'delivery', queueId, recipient: to, delaySeconds, status, reply };
  if (recipient.origTo !== undefined) record.origTo = recipient.origTo;
  if (dsn !== undefined) record.dsn = dsn;
  addRemote(record, line, recipient.relayMark + relayMark.length, outcome.relayEnd);
  const queuedAs = complete && status === 'sent' ? idInReply(reply) : undefined;
  const alone = queuedAs !== undefined && line.indexOf(relayMark, from) === line.lastIndexOf(relayMark);
  if (alone) record.queuedAs = queuedAs;
  return ok(record);
}

interface Recipient {
  /** Index of the `>` that ends it. */
  readonly end: number;
  readonly origTo?: string;
  /** Index where `, relay=` has to stand. */
  readonly relayMark: number;
}

/** The recipient at `from` and the address it was expanded from, by their quotes. */
function recipientAt(line: string, from: number): Recipient | undefined {
  const end = endOfAddress(line, from);
  if (end < 0) return undefined;
  if (!isAt(line, origToMark, end + 1)) return { end, relayMark: end + 1 };
  const origFrom = end + 1 + origToMark.length;
  const origEnd = endOfAddress(line, origFrom);
  return origEnd < 0 ? undefined : { end, origTo: line.slice(origFrom, origEnd), relayMark: origEnd + 1 };
}

/**
 * `relay=` is `NAME[ADDRESS]:PORT`, `NAME[private/SOCKET]` for a unix socket, or the name of what delivered (`none`,
 * `local`, a transport's). Only the first has a remote host.
 */
function addRemote(record: Draft<Delivery>, line: string, from: number, end: number): void {
  const remote = clientAt(line, from);
  if (remote?.end !== end) return;
  record.remoteName = remote.name;
  // A socket's path is no address.
  if (!remote.address.includes('/')) record.remoteAddress = remote.address;
  if (remote.port !== undefined) record.remotePort = remote.port;
}

/** Index of the `>` that ends the address at `from`, or -1. In quotes a backslash escapes the next character. */
function endOfAddress(line: string, from: number): number {
  const close = line.indexOf('>', from);
  const quote = line.indexOf('"', from);
  if (quote < 0 || quote > close) return close;
  let quoted = false;
  for (let at = from; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === 34) quoted = !quoted;
    else if (code === 92 && quoted) at += 1;
    else if (code === 62 && !quoted) return at;
  }
  return -1;
}

interface Outcome {
  readonly relayEnd: number;
  readonly delaySeconds: number;
  readonly dsn: string | undefined;
  readonly status: DeliveryStatus;
  readonly reply: string;
  /** Whether the reply's closing parenthesis is there: without it the text was cut. */
  readonly complete: boolean;
}

/** Reads from `, relay=` at `at` to the line's end; `undefined` if that is not what stands there. */
function outcomeAt(line: string, at: number): Outcome | undefined {
  if (!isAt(line, relayMark, at)) return undefined;
  const relayEnd = line.indexOf(', ', at + relayMark.length);
  const statusMark = relayEnd < 0 ? -1 : line.indexOf(', status=', relayEnd);
  if (statusMark < 0) return undefined;
  // Postfix's own fields hold no `>`: with one, the real recipient ends further on.
  const bracket = line.indexOf('>', at);
  if (bracket >= 0 && bracket < statusMark) return undefined;

  const delayMark = line.indexOf(', delay=', relayEnd);
  if (delayMark < 0 || delayMark > statusMark) return undefined;
  const delayFrom = delayMark + ', delay='.length;
  const delaySeconds = Number(line.slice(delayFrom, line.indexOf(', ', delayFrom)));
  const dsnMark = line.lastIndexOf(', dsn=', statusMark);
  const dsn = dsnMark < relayEnd ? undefined : line.slice(dsnMark + ', dsn='.length, statusMark);
  const open = line.indexOf(' (', statusMark);
  const status = statuses.get(line.slice(statusMark + ', status='.length, open < 0 ? line.length : open));
  if (status === undefined || !(delaySeconds >= 0 && delaySeconds < Infinity)) return undefined;
  const complete = open >= 0 && line.endsWith(')');
  const reply = open < 0 ? '' : line.slice(open + 2, complete ? line.length - 1 : line.length);
  return { relayEnd, delaySeconds, dsn, status, reply, complete };
}

const queuedMark = ' queued as ';

/**
 * The ID at the end of a Postfix's own Ok: `250 2.0.0 Ok: queued as ID`, `250 2.0.0 Ok: 1234 bytes queued as ID`
 * after BDAT, also behind a filter's words (`250 2.0.0 from MTA(…): 250 2.0.0 Ok: queued as ID`).
 */
function idInReply(reply: string): string | undefined {
  const mark = reply.lastIndexOf(queuedMark);
  if (mark < 0 || !reply.startsWith('250 ')) return undefined;
  const said = reply.slice(0, mark);
  const queueId = reply.slice(mark + queuedMark.length);
  return /Ok:(?: \d{1,15} bytes)?$/.test(said) && isQueueId(queueId) ? queueId : undefined;
}
