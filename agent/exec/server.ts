import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import * as z from 'zod';
import { type Log, reasonOf } from '../log.ts';
import { maxLineBytes, type Request, type Response, request } from './protocol.ts';

/** The agent holds one connection; a few more leave room while an old one dies. */
const maxConnections = 8;
/** An agent that does not read its answers is cut off; it gets them again when it comes back. */
const maxUnreadBytes = 4 * 1024 * 1024;
/** Of a unix socket's address on Linux; a longer one would be cut silently. */
const maxPathBytes = 107;

export interface ExecSocket {
  /** To every connection there is. */
  broadcast(response: Response): void;
  close(): Promise<void>;
}

/**
 * The unix socket between the relay's two programs: 0600, owned by the agent's user, in a folder that only root may
 * change. One JSON object a line either way.
 * @param onConnect answers that are still owed
 * @throws Error if another exec listens there, or the socket cannot be made
 */
export async function listen(
  path: string,
  agentUser: string,
  log: Log,
  handle: (request: Request) => Response | undefined,
  onConnect: () => readonly Response[],
): Promise<ExecSocket> {
  checkPath(path);
  if (await answers(path)) throw new Error(`${path}: another exec listens there`);
  rmSync(path, { force: true });
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    if (connections.size >= maxConnections) {
      socket.destroy();
      return;
    }
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    socket.on('error', (error) => log.warn({ reason: error.message }, 'connection of the agent failed'));
    for (const response of onConnect()) send(socket, response);
    readLines(socket, (line) => {
      const answer = receive(line, handle, log);
      if (answer !== undefined) send(socket, answer);
    });
  });
  await bind(server, path);
  giveTo(path, agentUser, log);
  return {
    broadcast(response) {
      for (const socket of connections) send(socket, response);
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

/** Only root may put a socket where the agent looks for it. */
function checkPath(path: string): void {
  if (Buffer.byteLength(path) > maxPathBytes)
    throw new Error(`${path}: a socket's path has at most ${maxPathBytes} bytes`);
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const { uid, mode } = statSync(folder);
  if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
    throw new Error(`${folder}: the socket's folder must be exec's own and writable to nobody else`);
  }
}

/** Calls back for each line; one longer than the bound is answered and ends the connection. */
function readLines(socket: Socket, onLine: (line: string) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a)) {
      if (end > maxLineBytes) break;
      onLine(bytes.toString('utf8', 0, end));
      bytes = bytes.subarray(end + 1);
    }
    rest = bytes;
    if (rest.length <= maxLineBytes) return;
    rest = Buffer.alloc(0);
    const reason = `a line is longer than ${maxLineBytes} bytes`;
    socket.removeAllListeners('data');
    socket.end(`${JSON.stringify({ id: '', state: 'refused', reason })}\n`);
    socket.resume();
  });
}

function receive(line: string, handle: (request: Request) => Response | undefined, log: Log): Response | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return { id: '', state: 'refused', reason: 'not a line of JSON' };
  }
  const id = z.object({ id: z.string().max(128) }).safeParse(json).data?.id ?? '';
  const parsed = request.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { id, state: 'refused', reason: `not a request: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}` };
  }
  try {
    return handle(parsed.data);
  } catch (error) {
    log.error({ id, reason: reasonOf(error) }, 'request failed');
    return { id, state: 'failed', reason: reasonOf(error) };
  }
}

function send(socket: Socket, response: Response): void {
  if (socket.destroyed) return;
  if (socket.writableLength > maxUnreadBytes) {
    socket.destroy();
    return;
  }
  socket.write(`${withinBound(response)}\n`);
}

/** Leaves proofs out until the line is within the bound; those that hold go first. */
function withinBound(response: Response): string {
  let text = JSON.stringify(response);
  let proofs = response.proofs ?? [];
  while (Buffer.byteLength(text) > maxLineBytes && proofs.length > 0) {
    const failed = proofs.filter((each) => !each.verified);
    proofs = failed.length < proofs.length ? failed : proofs.slice(0, Math.floor(proofs.length / 2));
    const reason = [response.reason, 'not all proofs fit into one answer'].filter((each) => each !== undefined);
    text = JSON.stringify({ ...response, reason: reason.join('; '), proofs });
  }
  return text;
}

/** Nobody else can connect in the moment before the socket has its owner. */
function bind(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177);
  return new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  }).finally(() => process.umask(before));
}

function giveTo(path: string, user: string, log: Log): void {
  chmodSync(path, 0o600);
  if (process.getuid?.() !== 0) return;
  for (const name of [user, 'nobody']) {
    const uid = userId(name);
    if (uid === undefined) {
      log.warn({ user: name }, 'no such user for the socket; taking nobody');
      continue;
    }
    chownSync(path, uid, 0);
    return;
  }
}

/** By id(1), which knows every user database of the system. */
function userId(name: string): number | undefined {
  const { status, stdout } = spawnSync('id', ['-u', '--', name], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  return status === 0 ? Number(stdout.trim()) : undefined;
}

async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const probe = createConnection(path);
    probe.on('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
}
