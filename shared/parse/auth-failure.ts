import { clientAt } from './client.ts';
import { type Draft, ignored, ok } from './grammar.ts';
import type { AuthFailure, Head, Parsed } from './record.ts';
import { isAt } from './scan.ts';

const loginMark = ', sasl_username=';

/**
 * `warning: NAME[ADDRESS]: SASL METHOD authentication failed: REASON, sasl_username=LOGIN` (smtpd_sasl_glue.c); the
 * name is logged since Postfix 3.6 and `(unavailable)` where there was none. A client that gives up leaves
 * `authentication aborted`. Other warnings are ignored. `at` is the place after `warning: `.
 *
 * The client types the name, up to 100 bytes, and the mechanism too, in quotes if it likes: what is no mechanism's
 * name (RFC 4422) could be a whole record, so then neither it nor a name is read.
 */
export function authFailureAt(line: string, at: number, head: Head): Parsed {
  const sasl = line.indexOf(': SASL ', at);
  if (sasl < 0) return ignored('warning');
  const client = clientAt(line, at);
  if (client?.end !== sasl) return ignored('warning');
  const record: Draft<AuthFailure> = { ...head, kind: 'authFailure', client: client.address };
  if (client.port !== undefined) record.clientPort = client.port;

  const methodFrom = sasl + ': SASL '.length;
  const methodEnd = line.indexOf(' ', methodFrom);
  const saslMethod = line.slice(methodFrom, methodEnd);
  const outcome = methodEnd + ' authentication '.length;
  if (!/^[\w-]{1,20}$/.test(saslMethod) || !isAt(line, ' authentication ', methodEnd)) {
    record.reason = line.slice(methodFrom);
    return ok(record);
  }
  record.saslMethod = saslMethod;
  const failed = isAt(line, 'failed', outcome);
  const reasonFrom = !failed ? outcome : outcome + (isAt(line, ': ', outcome + 6) ? 8 : 6);
  const mark = failed ? line.indexOf(loginMark, reasonFrom) : -1;
  const reason = line.slice(reasonFrom, mark < 0 ? line.length : mark);
  if (reason !== '') record.reason = reason;
  const login = mark < 0 ? '' : line.slice(mark + loginMark.length);
  if (login !== '' && login !== '(unavailable)') record.login = login;
  return ok(record);
}
