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
  /** 0 where the tag names no process. */
  readonly pid: number;
}

const oncePerInstance = new Set(['qmgr', 'nqmgr', 'oqmgr', 'pickup', 'bounce', 'postsuper']);

/** Reads a tag; `undefined` for what is none, or has one component alone: that is some other program's. */
export function readTag(text: string): Tag | undefined {
  const [, name, pid] = /^(.+?)(?:\[(\d{1,10})\])?:$/.exec(text) ?? [];
  const components = name?.split('/') ?? [];
  const program = components.pop();
  if (program === undefined || components.length === 0) return undefined;
  if (components.length > 1 && !oncePerInstance.has(program)) components.pop();
  const instance = components.join('/');
  return instance === '' ? undefined : { instance, program, pid: Number(pid ?? 0) };
}
