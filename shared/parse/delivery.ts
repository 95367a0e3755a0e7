import { clientAt } from './client.ts';
import { afterId, type Draft, endOfId, ignored, ignoredText, malformed, ok } from './grammar.ts';
import { forwardedId, queuedId } from './queued-as.ts';
import type { Delivery, DeliveryStatus, Head, Parsed } from './record.ts';
import { digitAt, isAt } from './scan.ts';
import { holdsStamp } from './stamp.ts';

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
  // A line that was torn off there, and another one glued on: the reply is the other one's.
  if (complete && status === 'sent' && !holdsStamp(to))
    addChild(record, line, from, recipient.relayMark + relayMark.length);
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

/** The ID that the message lives on under, unless the record may be a stranger's copy. */
function addChild(record: Draft<Delivery>, line: string, from: number, relayFrom: number): void {
  const { reply } = record;
  const queuedAs = queuedId(reply);
  // Only local(8) forwards by itself, and only its own texts stand alone in the reply.
  const isLocal = queuedAs === undefined && record.program === 'local' && isAt(line, 'local, ', relayFrom);
  const forwardedAs = isLocal ? forwardedId(reply) : undefined;
  if (queuedAs === undefined && forwardedAs === undefined) return;
  if (line.indexOf(relayMark, line.indexOf(relayMark, from) + 1) >= 0) return;
  if (queuedAs !== undefined) record.queuedAs = queuedAs;
  if (forwardedAs !== undefined) record.forwardedAs = forwardedAs;
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
  const delaySeconds = secondsAt(line, delayFrom);
  const dsnMark = line.indexOf(', dsn=', delayMark);
  const dsn = dsnMark < 0 || dsnMark > statusMark ? undefined : line.slice(dsnMark + ', dsn='.length, statusMark);
  const open = line.indexOf(' (', statusMark);
  const status = statuses.get(line.slice(statusMark + ', status='.length, open < 0 ? line.length : open));
  if (status === undefined || Number.isNaN(delaySeconds)) return undefined;
  const complete = open >= 0 && line.endsWith(')');
  const reply = open < 0 ? '' : line.slice(open + 2, complete ? line.length - 1 : line.length);
  return { relayEnd, delaySeconds, dsn, status, reply, complete };
}

/** `12`, `0.07`, `1.2` at `from`, before the next field; NaN for anything else. */
function secondsAt(line: string, from: number): number {
  let value = 0;
  let scale = 0;
  for (let at = from; at < from + 20; at++) {
    const digit = digitAt(line, at);
    if (digit >= 0) {
      value = value * 10 + digit;
      scale *= 10;
    } else if (line.charCodeAt(at) === 46 && scale === 0 && at > from) scale = 1;
    else return at > from && line.startsWith(', ', at) ? (scale === 0 ? value : value / scale) : Number.NaN;
  }
  return Number.NaN;
}
