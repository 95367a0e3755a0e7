import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import type { Session } from './postfix.ts';
import { runToolOrThrow } from './tool.ts';

/** One TCP socket as `ss -tnpH` prints it. */
interface Socket {
  readonly listening: boolean;
  readonly local: Endpoint;
  readonly peer: Endpoint;
  readonly pids: readonly number[];
}

interface Endpoint {
  /** As printed; ss takes it back. */
  readonly address: string;
  readonly port: number;
}

const ssPath = 'ss';

/**
 * Live sessions of one instance: established sockets on a port its master listens on, held by a child of that master.
 * The parent process tells several instances of one host apart; the port tells a session from smtpd's own
 * connections (milters, policy services).
 */
export async function liveSessions(instance: string, queueDirectory: string): Promise<Session[]> {
  return (await clientSockets(queueDirectory)).map(({ socket, pid }) => ({
    instance,
    pid,
    client: plainAddress(socket.peer.address),
    clientPort: socket.peer.port,
  }));
}

/**
 * Destroys the session's socket by its four-tuple. smtpd then sees a lost connection: an ordinary disconnect, where a
 * signal to the process could make master throttle the whole service.
 * @returns false if the session was gone already
 * @throws Error if the kernel lets it live (CONFIG_INET_DIAG_DESTROY, CAP_NET_ADMIN)
 */
export async function destroySession(session: Session, queueDirectory: string): Promise<boolean> {
  const find = async () =>
    (await clientSockets(queueDirectory)).find(
      ({ socket, pid }) =>
        pid === session.pid &&
        plainAddress(socket.peer.address) === session.client &&
        socket.peer.port === session.clientPort,
    )?.socket;
  const socket = await find();
  if (socket === undefined) return false;
  const { local, peer } = socket;
  await runToolOrThrow(ssPath, [
    ...['-K', '-t', '-n', '-H', 'state', 'established'],
    ...['dst', peer.address, 'dport', '=', String(peer.port)],
    ...['src', local.address, 'sport', '=', String(local.port)],
  ]);
  if ((await find()) !== undefined) throw new Error('the kernel does not destroy sockets (ss -K had no effect)');
  return true;
}

async function clientSockets(queueDirectory: string): Promise<{ socket: Socket; pid: number }[]> {
  const master = masterPid(queueDirectory);
  if (master === undefined) return [];
  const listing = await runToolOrThrow(ssPath, ['-tnpH', 'state', 'established', 'state', 'listening']);
  const sockets = listing.split('\n').flatMap((line) => parseSocket(line) ?? []);
  const ports = new Set(
    sockets.filter((socket) => socket.listening && socket.pids.includes(master)).map((socket) => socket.local.port),
  );
  return sockets.flatMap((socket) => {
    if (socket.listening || !ports.has(socket.local.port)) return [];
    const pid = socket.pids.find((each) => isSmtpdOf(each, master));
    return pid === undefined ? [] : [{ socket, pid }];
  });
}

/** undefined for a line that is none, or shows no process. */
export function parseSocket(line: string): Socket | undefined {
  const columns = /^(\S+)\s+\d+\s+\d+\s+(\S+)\s+(\S+)\s+users:\((.*)\)\s*$/.exec(line);
  const [, state, localText, peerText, users] = columns ?? [];
  const local = endpoint(localText ?? '');
  const peer = endpoint(peerText ?? '');
  if (local === undefined || peer === undefined || users === undefined) return undefined;
  const pids = [...users.matchAll(/,pid=(\d+),fd=\d+\)/g)].map((match) => Number(match[1]));
  return { listening: state === 'LISTEN', local, peer, pids };
}

/** `127.0.0.1:25`, `[2001:db8::1]:25`, `0.0.0.0:*`, `[::]:*`, `*:25` */
function endpoint(text: string): Endpoint | undefined {
  const [, address, port] = /^(.+):(\d+|\*)$/.exec(text) ?? [];
  if (address === undefined || port === undefined) return undefined;
  return { address, port: port === '*' ? 0 : Number(port) };
}

/** As Postfix logs it: no brackets, no IPv4-mapped form. */
function plainAddress(address: string): string {
  const bare = address.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(bare) ? ipaddr.process(bare).toString() : bare;
}

/** The instance's running master, from its pid file and the kernel; undefined while Postfix is stopped. */
function masterPid(queueDirectory: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(queueDirectory, 'pid', 'master.pid'), 'utf8').trim());
    return Number.isSafeInteger(pid) && processOf(pid)?.name === 'master' ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isSmtpdOf(pid: number, master: number): boolean {
  const found = processOf(pid);
  return found?.name === 'smtpd' && found.parent === master;
}

function processOf(pid: number): { name: string; parent: number } | undefined {
  try {
    // `PID (NAME) STATE PPID …`; a name may hold blanks and parentheses, so it ends at the last one.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    const parent = Number(stat.slice(end + 2).split(' ')[1]);
    return { name: stat.slice(stat.indexOf('(') + 1, end), parent };
  } catch {
    return undefined;
  }
}
