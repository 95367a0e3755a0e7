import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import type { Log } from './log.ts';

/** May read the maillog. */
const logGroup = 'adm';
/**
 * May list the queue. It becomes the process's own group: postqueue(1) is set-gid postdrop, and takes the configuration
 * of a second instance only from root or where set-gid changes nothing; otherwise it wants the directory named in the
 * default main.cf.
 */
const queueGroup = 'postdrop';
const fallbackUser = 'nobody';

/**
 * Gives up root for good: the agent reads what strangers write (I9). Call it before the first byte is read, and after
 * everything that only root may read is loaded. Does nothing where the process is not root's.
 *
 * `directories` are made first, for the user alone; `groupDirectories` for the user to write and a group to enter, which
 * what is made in them belongs to. Where the configured user does not exist `nobody` serves.
 * @throws Error if root could be had back
 */
export function dropPrivileges(options: {
  user: string;
  directories: readonly string[];
  groupDirectories: readonly { readonly path: string; readonly gid: number }[];
  log: Log;
}): void {
  const { directories, log } = options;
  const { setgroups, setgid, setuid } = process;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || !setgroups || !setgid || !setuid) {
    for (const directory of directories) mkdirSync(directory, { recursive: true, mode: 0o700 });
    return;
  }
  const wanted = identity(options.user);
  if (wanted === undefined) log.warn({}, `user ${options.user} does not exist: running as ${fallbackUser}`);
  const { uid, gid, groups } = wanted ?? identity(fallbackUser) ?? refuse(`no user ${fallbackUser} on this system`);
  for (const directory of directories) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    chownSync(directory, uid, gid);
  }
  for (const { path, gid: group } of options.groupDirectories) {
    mkdirSync(path, { recursive: true });
    chownSync(path, uid, group);
    chmodSync(path, 0o2710);
  }
  const ownGroup = groupId(queueGroup) ?? gid;
  setgroups([...new Set([...groups, ownGroup, groupId(logGroup) ?? gid])]);
  setgid(ownGroup);
  setuid(uid);
  assertDropped();
  // What a library looks for in a home must not be root's.
  process.env['HOME'] = directories[0] ?? '/';
}

function assertDropped(): void {
  const ids = [process.getuid?.(), process.geteuid?.(), process.getgid?.(), process.getegid?.()];
  if (ids.includes(0) || process.getgroups?.().includes(0)) throw new Error('privileges were not dropped');
  try {
    process.setuid?.(0);
  } catch {
    return;
  }
  throw new Error('root can be had back after dropping privileges');
}

function refuse(reason: string): never {
  throw new Error(reason);
}

/** By id(1), so that every source of nsswitch.conf counts; undefined where there is no such user, or it is root. */
function identity(user: string): { uid: number; gid: number; groups: number[] } | undefined {
  const ids = (flag: string) =>
    execFileSync('id', [flag, '--', user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split(' ')
      .map(Number);
  try {
    const [uid] = ids('-u');
    const [gid] = ids('-g');
    return uid === undefined || gid === undefined || uid === 0 || gid === 0
      ? undefined
      : { uid, gid, groups: ids('-G') };
  } catch {
    return undefined;
  }
}

function groupId(group: string): number | undefined {
  try {
    const entry = execFileSync('getent', ['group', group], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return Number(entry.split(':')[2]);
  } catch {
    return undefined;
  }
}
