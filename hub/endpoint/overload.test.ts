import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BodyReader } from './body.ts';
import { type EndpointRig, startRig } from './endpoint.fixture.ts';

let rig: EndpointRig;
beforeEach(async () => {
  rig = await startRig({ maxOpenRequests: 2 });
  rig.queues.createQueue('q');
});
afterEach(() => rig.close());

const busy = { $metadata: { httpStatusCode: 503 } };
const send = (body = 'x'): Promise<unknown> =>
  rig.client(rig.key).send(new SendMessageCommand({ QueueUrl: rig.url('q'), MessageBody: body }));

describe('overload is answered 503, never 4xx, and passes:', () => {
  it('too many open requests', async () => {
    const gone = new AbortController();
    const waiting = [1, 2].map(() =>
      rig
        .client(rig.key)
        .send(new ReceiveMessageCommand({ QueueUrl: rig.url('q'), WaitTimeSeconds: 20 }), { abortSignal: gone.signal })
        .catch(() => 'gone'),
    );
    const ask = (): Promise<unknown> =>
      rig.client(rig.key).send(new GetQueueAttributesCommand({ QueueUrl: rig.url('q') }));
    await eventually(() => expect(ask()).rejects.toMatchObject(busy), 2000);
    gone.abort();
    expect(await Promise.all(waiting)).toEqual(['gone', 'gone']);
    await eventually(ask, 2000);
  });

  it('another process holding the file', async () => {
    const other = new DatabaseSync(rig.path);
    other.exec('BEGIN IMMEDIATE');
    await expect(send()).rejects.toMatchObject(busy);
    expect(rig.errors).toMatchObject([{ errstr: 'database is locked' }]);
    other.exec('ROLLBACK');
    other.close();
    await send();
    expect(rig.queues.depth('q').ready).toBe(1);
  });

  it('a full disk, which loses nothing that was acknowledged', async () => {
    rig.db.exec('PRAGMA max_page_count = 100');
    let acknowledged = 0;
    const fill = async (): Promise<void> => {
      for (; acknowledged < 100; acknowledged++) await send('x'.repeat(100_000));
    };
    await expect(fill()).rejects.toMatchObject(busy);
    expect(rig.errors).toMatchObject([{ errstr: 'database or disk is full' }]);
    expect(rig.queues.depth('q').ready).toBe(acknowledged);
    rig.db.exec('PRAGMA max_page_count = 1000000');
    await send();
    expect(rig.queues.depth('q').ready).toBe(acknowledged + 1);
  });
});

describe('a receiver that hangs up', () => {
  it('leaves the message to the next', async () => {
    const gone = new AbortController();
    const receive = new ReceiveMessageCommand({ QueueUrl: rig.url('q'), WaitTimeSeconds: 20 });
    const waiting = rig.client(rig.key).send(receive, { abortSignal: gone.signal });
    await new Promise((resolve) => setTimeout(resolve, 100));
    gone.abort();
    await expect(waiting).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await send();
    const next = await rig.client(rig.key).send(new ReceiveMessageCommand({ QueueUrl: rig.url('q') }));
    expect(next.Messages?.map((message) => message.Body)).toEqual(['x']);
  });
});

describe('an endpoint that closes', () => {
  it('lets waiting receivers go at once, with an empty answer', async () => {
    const receive = new ReceiveMessageCommand({ QueueUrl: rig.url('q'), WaitTimeSeconds: 20 });
    const waiting = rig.client(rig.key).send(receive);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closedAt = performance.now();
    await rig.endpoint.close();
    expect((await waiting).Messages).toBeUndefined();
    expect(performance.now() - closedAt).toBeLessThan(5000);
  });
});

describe('a body', () => {
  /** What the reader makes of a request that `write` begins. */
  async function readOf(
    reader: BodyReader,
    write: (request: ReturnType<typeof httpRequest>) => void,
  ): Promise<{ outcome: unknown }> {
    const received: { resolve?: (request: IncomingMessage) => void } = {};
    const arrived = new Promise<IncomingMessage>((resolve) => Object.assign(received, { resolve }));
    const server = createServer((request) => received.resolve?.(request));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const request = httpRequest({ host: '127.0.0.1', port, method: 'POST' });
    request.on('error', () => undefined);
    write(request);
    const outcome = await reader.read(await arrived).then(String, (error: unknown) => error);
    request.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    return { outcome };
  }

  it('that arrives is read', async () => {
    expect(await readOf(new BodyReader(), (request) => request.end('whole'))).toEqual({ outcome: 'whole' });
  });

  it('that stops half way is given up in time, as overload', async () => {
    const { outcome } = await readOf(new BodyReader(100), (request) => request.write('half'));
    expect(outcome).toMatchObject({ code: 'RequestTimeout', status: 503 });
  });

  it('whose sender hangs up is nobody to answer', async () => {
    const { outcome } = await readOf(new BodyReader(), (request) => {
      request.write('half');
      setTimeout(() => request.destroy(), 50);
    });
    expect(outcome).toMatchObject({ name: 'SenderGoneError' });
  });
});

/** Tries until it holds, for at most `withinMs`. */
async function eventually(check: () => Promise<unknown>, withinMs: number): Promise<void> {
  const endMs = Date.now() + withinMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
