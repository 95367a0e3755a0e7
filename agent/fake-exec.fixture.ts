import { createServer, type Server, type Socket } from 'node:net';
import { type Request, type Response, request } from './exec/protocol.ts';

/** Exec's side of the socket: notes what it is asked, answers as the test says, repeats what is not acknowledged. */
export class FakeExec {
  readonly requests: Request[] = [];
  readonly acked: string[] = [];
  answer: (asked: Request) => Response[] = (asked) => ('jws' in asked ? [{ id: asked.id, state: 'journaled' }] : []);
  owed: Response[] = [];
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();

  async listen(path: string): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      for (const response of this.owed) this.#send(socket, response);
      let text = '';
      socket.on('error', () => undefined);
      socket.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) this.#take(socket, request.parse(JSON.parse(line)));
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(path, resolve));
  }

  say(response: Response): void {
    for (const socket of this.#sockets) this.#send(socket, response);
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    await closed;
    this.#server = undefined;
  }

  #take(socket: Socket, asked: Request): void {
    if ('status' in asked) {
      this.#send(socket, { id: asked.id, state: 'done', desired: { generation: 7, digest: 'abc' } });
      return;
    }
    if ('ack' in asked) {
      this.acked.push(asked.ack);
      this.owed = this.owed.filter(({ id }) => id !== asked.ack);
      return;
    }
    this.requests.push(asked);
    for (const response of this.answer(asked)) this.#send(socket, response);
  }

  #send(socket: Socket, response: Response): void {
    if (!socket.destroyed) socket.write(`${JSON.stringify(response)}\n`);
  }
}
