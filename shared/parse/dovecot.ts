import { type Draft, ignored, ok } from './grammar.ts';
import type { AuthFailure, Head, Parsed } from './record.ts';
import { isAt } from './scan.ts';

/**
 * Failed logins in Dovecot's lines (`dovecot: SERVICE: TEXT`), by its auth service:
 *   auth: passwd-file(LOGIN,ADDRESS): unknown user
 *   auth-worker(29203): conn unix:auth-worker (pid=7,uid=112): auth-worker<1>: sql(LOGIN,ADDRESS,<SESSION>): Password mismatch
 * and by its login services:
 *   imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<LOGIN>, method=PLAIN, rip=ADDRESS, lip=…
 * A stranger types the login. Behind it stand words of Dovecot's own, so the address is looked for from the right; where
 * two places could be it (a login that holds a copy), none is read. All else that Dovecot logs is ignored.
 */
export function parseDovecot(line: string, at: number, head: Head): Parsed {
  const colon = line.indexOf(':', at);
  if (colon < 0) return ignored('dovecot');
  if (isAt(line, 'auth', at)) return authFailure(line, colon + 1, head);
  if (line.endsWith('-login', colon)) return loginFailure(line, colon + 1, head);
  return ignored('dovecot');
}

/** Dovecot's own log file has the service where syslog has the host: `Nov 24 10:15:48 auth: Info: TEXT`. */
export function parseDovecotFile(line: string, at: number, head: Head): Parsed {
  return authFailure(line, at, head);
}

const reasons = ['unknown user', 'Password mismatch', 'pam_authenticate() failed', 'invalid credentials'];

function authFailure(line: string, at: number, head: Head): Parsed {
  const reasonMark = line.lastIndexOf('): ');
  if (reasonMark < at || line.indexOf('): ', at) !== reasonMark) return skipConnection(line, at, head);
  return databaseFailure(line, at, reasonMark, head);
}

/** Newer versions write the worker's connection in front: `conn unix:… (pid=7,uid=112): auth-worker<1>: `. */
function skipConnection(line: string, at: number, head: Head): Parsed {
  const conn = line.indexOf('conn unix:', at);
  const next = conn < 0 || conn > at + 1 ? -1 : line.indexOf('>: ', conn);
  if (
    next < 0 ||
    !/^conn unix:[\w-]{1,20} \(pid=\d{1,10},uid=\d{1,10}\): [\w-]{1,20}<\d{1,10}$/.test(line.slice(conn, next))
  )
    return ignored('dovecot');
  const reasonMark = line.lastIndexOf('): ');
  if (reasonMark < next || line.indexOf('): ', next) !== reasonMark) return ignored('dovecot');
  return databaseFailure(line, next + 3, reasonMark, head);
}

/** `DATABASE(LOGIN,ADDRESS[,<SESSION>]): REASON` from `at` on; `mark` is the parenthesis that ends the list. */
function databaseFailure(line: string, at: number, mark: number, head: Head): Parsed {
  const open = line.indexOf('(', at);
  const reason = line.slice(mark + 3);
  if (open < 0 || open > mark || !reasons.some((text) => reason.startsWith(text))) return ignored('dovecot');
  const session = line[mark - 1] === '>' ? line.lastIndexOf(',<', mark) : mark;
  const comma = session < 0 ? -1 : line.lastIndexOf(',', session - 1);
  if (comma < open) return ignored('dovecot');
  return failure(head, line.slice(comma + 1, session), line.slice(open + 1, comma), undefined, reason);
}

const userMark = ': user=<';
const ripMark = ', rip=';

function loginFailure(line: string, at: number, head: Head): Parsed {
  const user = line.indexOf(userMark, at);
  const rip = line.lastIndexOf(ripMark);
  if (user < 0 || rip < user || line.indexOf(ripMark, user) !== rip) return ignored('dovecot');
  const said = line.slice(at, user);
  if (!said.includes('(auth failed')) return ignored('dovecot');
  const from = user + userMark.length;
  const close = line.lastIndexOf('>', rip);
  if (close < from) return ignored('dovecot');
  const end = line.indexOf(',', rip + ripMark.length);
  const address = line.slice(rip + ripMark.length, end < 0 ? line.length : end);
  const [, method] = /^, method=([\w-]{1,20})$/.exec(line.slice(close + 1, rip)) ?? [];
  return failure(head, address, line.slice(from, close), method, said.trim());
}

function failure(head: Head, client: string, login: string, method: string | undefined, reason: string): Parsed {
  if (!/^[\da-fA-F:.]{2,45}$/.test(client)) return ignored('dovecot');
  const record: Draft<AuthFailure> = { ...head, kind: 'authFailure', client, reason };
  if (login !== '' && login !== '?') record.login = login;
  if (method !== undefined) record.saslMethod = method;
  return ok(record);
}
