import { chmodSync, rmSync, statSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { Counters } from '../counters.ts';
import { type Log, reasonOf, Trouble } from '../log.ts';
import { type Received, RequestReader } from './protocol.ts';

/** One for each smtpd process; Postfix's own default is 100 of them. */
const maxConnections = 2_000;
/** Postfix writes a request at once, and reads the answer at once. */
const maxRequestMs = 5_000;
const maxUnreadBytes = 65_536;
/** How soon a socket that was removed, or could not be made, is made (again). */
const lookAgainMs = 2_000;

export type PolicyPlace =
  | { readonly name: string; readonly path: string }
  | { readonly name: string; readonly address: string; readonly port: number };

/**
 * Answers policy requests at one place. It never fails for good: what cannot be bound now is tried again, and Postfix
 * lets mail pass meanwhile.
 */
export class PolicyServer {
  readonly #place: PolicyPlace;
  readonly #answer: (request: Received, place: string) => string;
  readonly #counters: Counters;
  readonly #log: Log;
  readonly #trouble: Trouble;
  readonly #connections = new Set<Socket>();
  #server: Server | undefined;
  #inode: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: {
    place: PolicyPlace;
    answer: (request: Received, place: string) => string;
    counters: Counters;
    log: Log;
  }) {
    this.#place = parts.place;
    this.#answer = parts.answer;
    this.#counters = parts.counters;
    this.#log = parts.log;
    this.#trouble = new Trouble(parts.log, `brake: listening for ${parts.place.name}`);
  }

  /** Returns after the first try. */
  async start(): Promise<void> {
    await this.#look();
    const again = () => {
      this.#timer = setTimeout(() => void this.#look().then(again), lookAgainMs);
    };
    again();
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#unlisten();
  }

  async #look(): Promise<void> {
    try {
      if (this.#server !== undefined && this.#isStillOurs()) return;
      await this.#unlisten();
      await this.#listen();
      this.#trouble.over();
    } catch (error) {
      this.#trouble.says(reasonOf(error));
    }
  }

  /** Somebody may have emptied the folder: our socket then lives on where nobody can find it. */
  #isStillOurs(): boolean {
    if (!('path' in this.#place)) return true;
    return statSync(this.#place.path, { throwIfNoEntry: false })?.ino === this.#inode;
  }

  async #listen(): Promise<void> {
    const place = this.#place;
    if ('path' in place) {
      if (await answers(place.path)) throw new Error(`${place.path}: another agent listens there`);
      rmSync(place.path, { force: true });
    }
    const server = createServer((socket) => this.#serve(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      if ('path' in place) server.listen(place.path, () => resolve());
      else server.listen(place.port, place.address, () => resolve());
    });
    server.removeAllListeners('error');
    server.on('error', (error) => this.#log.warn({ reason: error.message }, 'brake: a connection was not accepted'));
    this.#server = server;
    if (!('path' in place)) return;
    // The folder lets Postfix's group in and nobody else, and hands its group on to the socket.
    chmodSync(place.path, 0o660);
    this.#inode = statSync(place.path).ino;
  }

  async #unlisten(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#connections) socket.destroy();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    if (this.#connections.size >= maxConnections) {
      this.#counters.add('brakeConnectionsRefused');
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    const reader = new RequestReader();
    let deadline: NodeJS.Timeout | undefined;
    const cut = () => {
      this.#counters.add('brakeConnectionsCut');
      socket.destroy();
    };
    socket.setNoDelay(true);
    socket.on('close', () => {
      clearTimeout(deadline);
      this.#connections.delete(socket);
    });
    // smtpd went away: nothing that anybody needs to know.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      const { received, isTooLong } = reader.read(chunk);
      if (received.length > 0) socket.write(received.map((each) => this.#reply(each)).join(''));
      if (isTooLong) {
        socket.removeAllListeners('data');
        socket.resume();
        socket.end(this.#reply('malformed'));
        deadline ??= setTimeout(() => socket.destroy(), maxRequestMs);
        return;
      }
      if (socket.writableLength > maxUnreadBytes) cut();
      if (received.length > 0 || reader.pendingBytes === 0) {
        clearTimeout(deadline);
        deadline = undefined;
      }
      if (reader.pendingBytes > 0) deadline ??= setTimeout(cut, maxRequestMs);
    });
  }

  #reply(request: Received): string {
    return `action=${this.#answer(request, this.#place.name)}\n\n`;
  }
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
