import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import * as z from 'zod';
import { type AccessKeys, allows } from '../keys.ts';
import type { QueueStore } from '../queues.ts';
import { SqsFault } from '../sqs-fault.ts';
import { actions, parse } from './actions.ts';
import { BodyReader, SenderGoneError } from './body.ts';
import { checkSignature, checkSkew, readClaim } from './sigv4.ts';

/**
 * The queues under SQS's own protocol: AWS JSON 1.0, one POST to `/` an action, signed with SigV4. In order: who says
 * he is asking (key, clock), the body, whether he is it (signature), what he may (grants), the action.
 */
export interface EndpointOptions {
  readonly queues: QueueStore;
  readonly keys: AccessKeys;
  /** Loopback, unless there is TLS. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** ms since the epoch */
  readonly clock?: () => number;
  /** Told of what is the hub's own fault (answered 500 or 503), never of a refused request. */
  readonly onError: (error: unknown) => void;
  /** Requests at one time, waiting receivers included; one more is answered 503. */
  readonly maxOpenRequests?: number;
}

export interface Endpoint {
  readonly url: string;
  /** Ends open long polls with an empty answer, finishes what is being answered, and closes. */
  close(): Promise<void>;
}

/** Idle connections outlive the clients' own timeouts, so that none is closed while a request is on its way. */
const keepAliveTimeoutMs = 75_000;
const headersTimeoutMs = 10_000;
/** After this long a closing endpoint cuts what is still open. */
const closeGraceMs = 2_000;

const queueUrl = z.object({ QueueUrl: z.string() });
const queueName = z.object({ QueueName: z.string() });

/** @throws Error where the host is not loopback and there is no TLS, or the port is taken */
export async function startEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { host, port, tls, maxOpenRequests = 4096 } = options;
  if (tls === undefined && !isLoopback(host)) {
    throw new Error(
      `${host} is not a loopback address: the queue endpoint needs TLS (certificate and key) to bind there`,
    );
  }
  const closing = new AbortController();
  const answer = new Answerer({ ...options, maxOpenRequests }, tls === undefined ? 'http' : 'https', closing.signal);
  const settings = { headersTimeout: headersTimeoutMs, keepAliveTimeout: keepAliveTimeoutMs };
  const server = tls === undefined ? createServer(settings) : createTlsServer({ ...settings, ...tls });
  server.on('request', (request, response) => void answer.request(request, response));
  server.on('clientError', refuseBroken);
  // Idle connections count here and not there; above this they are not accepted.
  server.maxConnections = 2 * maxOpenRequests + 1000;
  await listen(server, host, port);
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${authority(server)}`,
    close: async () => {
      closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const cut = setTimeout(() => server.closeAllConnections(), closeGraceMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

class Answerer {
  readonly #options: EndpointOptions & { readonly maxOpenRequests: number };
  readonly #scheme: string;
  readonly #closing: AbortSignal;
  readonly #bodies = new BodyReader();
  #open = 0;

  constructor(options: EndpointOptions & { readonly maxOpenRequests: number }, scheme: string, closing: AbortSignal) {
    this.#options = options;
    this.#scheme = scheme;
    this.#closing = closing;
  }

  async request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#open += 1;
    // By the clock that judges signatures: SDKs set theirs by it when they are told that they are off.
    response.setHeader('date', new Date((this.#options.clock ?? Date.now)()).toUTCString());
    try {
      respond(response, 200, await this.#act(request, response), this.#closing.aborted);
    } catch (error) {
      if (error instanceof SenderGoneError) return;
      const fault = this.#faultOf(error);
      // Neither leaves the connection in a state to go on with: the rest of the body is still on its way.
      const last = fault.code === 'RequestTimeout' || fault.code === 'RequestEntityTooLarge' || this.#closing.aborted;
      respond(response, fault.status, { __type: `com.amazonaws.sqs#${fault.code}`, message: fault.message }, last);
    } finally {
      this.#open -= 1;
    }
  }

  async #act(request: IncomingMessage, response: ServerResponse): Promise<object> {
    const { queues, keys, clock = Date.now, maxOpenRequests } = this.#options;
    if (this.#open > maxOpenRequests) throw new SqsFault('ServiceUnavailable', 'Too many requests are open.');
    if (request.method !== 'POST' || request.url !== '/') {
      throw new SqsFault('UnknownOperationException', 'Requests are POSTs to / with an x-amz-target header.');
    }
    const claim = readClaim(request.headers);
    const key = keys.lookup(claim.accessKeyId);
    if (key === undefined) throw new SqsFault('InvalidClientTokenId', 'There is no such access key here.');
    checkSkew(claim, clock());
    const body = await this.#bodies.read(request);
    checkSignature(claim, request.headers, body, key.secretAccessKey);

    const target = String(request.headers['x-amz-target']);
    const action = target.startsWith('AmazonSQS.') ? actions.get(target.slice('AmazonSQS.'.length)) : undefined;
    if (action === undefined) {
      throw new SqsFault('UnknownOperationException', `${JSON.stringify(target)} is no action of this endpoint.`);
    }
    const input = parseBody(body);
    const queue = action.needs === 'GetQueueUrl' ? parse(queueName, input).QueueName : nameIn(parse(queueUrl, input));
    // Before the queue is looked up: who has no right to a queue does not learn whether it exists.
    if (!allows(key.grants, queue, action.needs)) {
      throw new SqsFault(
        'AccessDeniedException',
        `${key.principal} may not ${action.needs} on ${JSON.stringify(queue)}.`,
      );
    }
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    if (response.destroyed) gone.abort();
    return await action.run(input, {
      queues,
      queue,
      principal: key.principal,
      origin: `${this.#scheme}://${request.headers.host}`,
      signal: AbortSignal.any([gone.signal, this.#closing]),
    });
  }

  /** What is not the sender's fault is never a 4xx: a busy or full database must cost nobody a message. */
  #faultOf(error: unknown): SqsFault {
    if (error instanceof SqsFault) return error;
    this.#options.onError(error);
    if (isDatabaseError(error)) return new SqsFault('ServiceUnavailable', 'The store is busy or full: try again.');
    return new SqsFault('InternalFailure', 'The request failed here; the log says why.');
  }
}

function respond(response: ServerResponse, status: number, body: object, last: boolean): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.0',
    'content-length': Buffer.byteLength(text),
    'x-amzn-requestid': randomUUID(),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
    ...(last ? { connection: 'close' } : {}),
  });
  response.end(text);
}

function parseBody(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new SqsFault('SerializationException', 'The body is no JSON in UTF-8.');
  }
}

/** Only the path counts: clients reach us under names of their own. */
function nameIn({ QueueUrl }: { QueueUrl: string }): string {
  const name = URL.canParse(QueueUrl) ? /^\/\d{12}\/([^/]+)$/.exec(new URL(QueueUrl).pathname)?.[1] : undefined;
  if (name === undefined) throw new SqsFault('QueueDoesNotExist', `${JSON.stringify(QueueUrl)} is no queue URL.`);
  return name;
}

function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR';
}

/** Before there is a request: headers that came too slowly are worth another try (503), broken ones are not. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Socket): void {
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '503 Service Unavailable' : '400 Bad Request';
  if (socket.writable && error.code !== 'ECONNRESET') socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
  else socket.destroy();
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function authority(server: Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the endpoint is bound to no address');
  const { address, family, port } = bound;
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback');
}
