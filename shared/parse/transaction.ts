import { loginBehindHelo } from './action.ts';
import { clientAt } from './client.ts';
import { type Draft, ignoredText, malformed, ok } from './grammar.ts';
import { queuedId } from './queued-as.ts';
import type { Head, Parsed, ProxyReply } from './record.ts';
import { isAt } from './scan.ts';

/**
 * smtpd's lines without an ID that speak of what the process has open: a process serves one client after the other and
 * one transaction after the other, so they belong to the acceptance that it logged last.
 */
const accepted = 'proxy-accept: ';
const rejected = 'proxy-reject: ';
const endMark = '; from=<';

/**
 * `proxy-accept: END-OF-MESSAGE: REPLY; from=<…> to=<…> proto=… helo=<…>`, and a login's name (smtpd.c, seen on 3.7).
 * The reply is the proxy's, all after it the client's, so the first `; from=<` ends the reply.
 */
export function proxyReplyAt(line: string, at: number, head: Head): Parsed {
  const isAccept = isAt(line, accepted, at);
  if (!isAccept && !isAt(line, rejected, at)) return ignoredText(line, at);
  const from = line.indexOf(': ', at + accepted.length) + 2;
  const end = line.indexOf(endMark, from);
  if (from < 2 || end < 0) return malformed('smtpd: no reply and sender after proxy-accept or proxy-reject', at);
  const reply = line.slice(from, end);
  const record: Draft<ProxyReply> = { ...head, kind: 'proxyReply', accepted: isAccept, reply };
  const queuedAs = isAccept ? queuedId(reply) : undefined;
  if (queuedAs !== undefined) record.queuedAs = queuedAs;
  const claimedLogin = loginBehindHelo(line.slice(end));
  if (claimedLogin !== undefined) record.claimedLogin = claimedLogin;
  return ok(record);
}

const reasons = ['lost connection after ', 'timeout after ', 'too many errors after '];

/** `REASON after COMMAND from CLIENT`, `REASON after DATA (N bytes) from CLIENT` (smtpd.c); all smtpd's own words. */
export function sessionLostAt(line: string, at: number, head: Head): Parsed {
  const reason = reasons.find((text) => isAt(line, text, at));
  if (reason === undefined) return ignoredText(line, at);
  const from = at + reason.length;
  const mark = line.indexOf(' from ', from);
  const client = mark < 0 ? undefined : clientAt(line, mark + 6);
  if (client?.end !== line.length) return ignoredText(line, at);
  const bytes = line.indexOf(' (', from);
  const after = line.slice(from, bytes < 0 || bytes > mark ? mark : bytes);
  return ok({ ...head, kind: 'sessionLost', after, client: client.address });
}
