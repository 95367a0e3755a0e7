import { decimal } from './scan.ts';

/**
 * The tag of a syslog line, `NAME[PID]:`. Postfix writes `SYSLOG_NAME/PROGRAM` into it, and master.cf's services give
 * themselves a longer name (`-o syslog_name=postfix/submission`), so that NAME is `INSTANCE/PROGRAM` or
 * `INSTANCE/SERVICE/PROGRAM`. An instance's own syslog_name may hold digits, dots and slashes, and no "postfix".
 *
 * The rule: the program is the last component; of three or more, the one before it is the service; what stands
 * before is the instance. Programs that run once per instance (qmgr, pickup, bounce, postsuper …) have no service of
 * their own: for them all that stands before the program is the instance.
 *
 * Its limit: where an instance's syslog_name itself holds a slash, a program without a service name of its own
 * (`mx.out/2/smtpd`) looks like service `2` of instance `mx.out`. Such an instance needs a syslog_name per service.
 *
 * Nothing here comes from the network, but any local user can write any tag (`logger -t`).
 */
export interface Tag {
  readonly instance: string;
  readonly program: string;
}

const oncePerInstance = new Set(['qmgr', 'nqmgr', 'oqmgr', 'pickup', 'bounce', 'postsuper']);

/** Splits a tag's name; `undefined` for one component alone, which is some other program's. */
export function tagOf(name: string): Tag | undefined {
  const components = name.split('/');
  const program = components.pop();
  if (program === undefined || components.length === 0) return undefined;
  if (components.length > 1 && !oncePerInstance.has(program)) components.pop();
  const instance = components.join('/');
  return instance === '' ? undefined : { instance, program };
}

/** A tag's place in the line: the name is `[from, nameEnd)`. */
export interface TagPlace {
  readonly nameEnd: number;
  /** 0 where the tag names no process. */
  readonly pid: number;
}

/** Finds name and process in the token `[from, end)`; `undefined` unless it ends in a colon as tags do. */
export function placeOfTag(line: string, from: number, end: number): TagPlace | undefined {
  const colon = end - 1;
  if (colon <= from || line[colon] !== ':') return undefined;
  if (line[colon - 1] !== ']') return { nameEnd: colon, pid: 0 };
  const bracket = line.lastIndexOf('[', colon);
  if (bracket <= from) return undefined;
  const pid = decimal(line, bracket + 1, colon - 1);
  return Number.isNaN(pid) ? undefined : { nameEnd: bracket, pid };
}
