import { connect, type Socket } from 'node:net';
import { type FinalResponse, maxLineBytes, type Request, type Response, response } from './exec/protocol.ts';
import type { QueuedId } from './index-store.ts';
import { type Log, reasonOf, Trouble } from './log.ts';
import { Backoff, pause } from './pause.ts';

/** Exec is not there, or went away before it answered: what was asked must be asked again. */
class ExecUnavailableError extends Error {
  override name = 'ExecUnavailableError';
}

/** IDs of our own requests begin with this; an order's ID must not. */
export const ownIdMark = '#';

const answerMs = 30_000;

type OrderRequest = Extract<Request, { jws: string }>;
type Waiting = { readonly resolve: (answer: Response) => void; readonly reject: (error: Error) => void };

/** Carries requests to exec over its unix socket, and its answers back. Connects again whenever it has to. */
export class ExecClient {
  readonly #path: string;
  readonly #signal: AbortSignal;
  readonly #trouble: Trouble;
  readonly #onFinal: (answer: FinalResponse) => Promise<void>;
  readonly #onConnected: () => void;
  readonly #log: Log;
  readonly #waiting = new Map<string, Waiting>();
  /** Final answers being handed on; exec repeats them until they are acknowledged. */
  readonly #handing = new Map<string, Promise<boolean>>();
  #socket: Socket | undefined;
  #serial = 0;

  constructor(options: {
    path: string;
    signal: AbortSignal;
    log: Log;
    /** Has returned once the answer is safe with the hub; then exec may forget it. Throws to leave it with exec. */
    onFinal: (answer: FinalResponse) => Promise<void>;
    onConnected: () => void;
  }) {
    this.#path = options.path;
    this.#signal = options.signal;
    this.#log = options.log;
    this.#onFinal = options.onFinal;
    this.#onConnected = options.onConnected;
    this.#trouble = new Trouble(options.log, `speaking to exec at ${options.path}`);
  }

  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  /** The first answer: `journaled`, or at once a final one. @throws ExecUnavailableError */
  order(request: OrderRequest): Promise<Response> {
    return this.#ask(request.id, request);
  }

  /** Waits until the final answer that came is with the hub; false if it could not be brought there. */
  async handedOn(id: string): Promise<boolean> {
    return (await this.#handing.get(id)) ?? true;
  }

  /** The desired state in force. @throws ExecUnavailableError */
  async status(): Promise<NonNullable<Response['desired']>> {
    const id = this.#ownId('status');
    return (await this.#ask(id, { id, status: true })).desired ?? { generation: 0, digest: '' };
  }

  /** At most 5,000 IDs. False if exec is not there: it finds the messages by itself when it is back. */
  async hint(ids: QueuedId[], login: string | undefined): Promise<boolean> {
    return this.#write({ id: this.#ownId('hint'), hint: ids, ...(login === undefined ? {} : { login }) });
  }

  /** Until the signal. */
  async run(): Promise<void> {
    const backoff = new Backoff();
    while (!this.#signal.aborted) {
      try {
        await this.#connection(() => backoff.reset());
      } catch (error) {
        if (!this.#signal.aborted) this.#trouble.says(reasonOf(error));
      }
      await pause(backoff.nextMs(), this.#signal);
    }
  }

  /** One connection from its beginning to its end. */
  async #connection(onBegin: () => void): Promise<void> {
    const socket = connect(this.#path);
    const abort = () => socket.destroy();
    this.#signal.addEventListener('abort', abort);
    try {
      await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
      onBegin();
      this.#socket = socket;
      this.#trouble.over();
      this.#onConnected();
      let text = '';
      socket.setEncoding('utf8');
      for await (const part of socket) {
        text += part;
        for (let stop = text.indexOf('\n'); stop >= 0; stop = text.indexOf('\n')) {
          this.#take(text.slice(0, stop));
          text = text.slice(stop + 1);
        }
        if (text.length > maxLineBytes) throw new Error(`a line of more than ${maxLineBytes} bytes`);
      }
      throw new Error('exec closed the connection');
    } finally {
      this.#signal.removeEventListener('abort', abort);
      this.#socket = undefined;
      socket.destroy();
      for (const { reject } of this.#waiting.values()) reject(new ExecUnavailableError('exec went away'));
      this.#waiting.clear();
    }
  }

  #take(line: string): void {
    const answer = readResponse(line);
    if (answer === undefined) {
      this.#log.error({ bytes: line.length }, 'exec sent a line that is no response');
      return;
    }
    if (answer.id === '') this.#log.error({ reason: answer.reason }, 'exec did not understand a line');
    if (isOrdersEnd(answer)) this.#handOn(answer);
    this.#waiting.get(answer.id)?.resolve(answer);
    this.#waiting.delete(answer.id);
  }

  #handOn(answer: FinalResponse): void {
    if (this.#handing.has(answer.id)) return;
    const handing = this.#onFinal(answer)
      .then(() => this.#write({ ack: answer.id }))
      .then(
        () => true,
        (error: unknown) => {
          this.#log.warn({ id: answer.id, reason: reasonOf(error) }, 'a result stays with exec for now');
          return false;
        },
      )
      .finally(() => this.#handing.delete(answer.id));
    this.#handing.set(answer.id, handing);
  }

  #ask(id: string, request: Request): Promise<Response> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new ExecUnavailableError(`exec did not answer within ${answerMs / 1000} s`));
      }, answerMs);
      const settled = () => clearTimeout(timer);
      this.#waiting.set(id, {
        resolve: (answer) => {
          settled();
          resolve(answer);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      if (this.#socket === undefined) {
        this.#waiting.get(id)?.reject(new ExecUnavailableError('exec is not there'));
        this.#waiting.delete(id);
      } else void this.#write(request);
    });
  }

  /** Waits while the socket is full; false if there is none. */
  async #write(message: Request): Promise<boolean> {
    const socket = this.#socket;
    if (socket === undefined) return false;
    return new Promise((resolve) => socket.write(`${JSON.stringify(message)}\n`, (error) => resolve(error == null)));
  }

  #ownId(what: string): string {
    this.#serial += 1;
    return `${ownIdMark}${what}-${this.#serial}`;
  }
}

/** The end of an order. An answer without id is exec's complaint about a line, one with our mark is to ourselves. */
function isOrdersEnd(answer: Response): answer is FinalResponse {
  if (answer.id === '' || answer.id.startsWith(ownIdMark)) return false;
  switch (answer.state) {
    case 'journaled':
    case 'running':
    case 'busy':
      return false;
    case 'done':
    case 'failed':
    case 'refused':
    case 'expired':
      return true;
  }
}

function readResponse(line: string): Response | undefined {
  try {
    return response.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
