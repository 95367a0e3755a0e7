import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  EmptyBatchRequest,
  InvalidMessageContents,
  ListQueuesCommand,
  PurgeQueueCommand,
  ReceiptHandleIsInvalid,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
  TooManyEntriesInBatchRequest,
  UnsupportedOperation,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EndpointRig, startRig } from './endpoint.fixture.ts';

let rig: EndpointRig;
beforeAll(async () => {
  rig = await startRig();
  rig.queues.createQueue('events');
});
afterAll(() => rig.close());

interface Sendable {
  headers: Record<string, string>;
  body?: unknown;
}

/** Sends one message whose request is altered on its way, after the SDK signed it. */
function sendTampered(change: (request: Sendable) => void): Promise<unknown> {
  const client = rig.client(rig.key);
  const handler = client.config.requestHandler;
  const handle = handler.handle.bind(handler);
  handler.handle = (request, options) => {
    change(request);
    return handle(request, options);
  };
  return client.send(new SendMessageCommand({ QueueUrl: rig.url('events'), MessageBody: 'untouched' }));
}

/** Sends one message for whose body the SDK signs what `stated` says. */
function sendStating(stated: string): Promise<unknown> {
  const client = rig.client(rig.key);
  const state = (request: unknown): void => {
    if (typeof request === 'object' && request !== null && 'headers' in request) {
      Object.assign(Object(request.headers), { 'x-amz-content-sha256': stated });
    }
  };
  client.middlewareStack.add(
    (next) => (args) => {
      state(args.request);
      return next(args);
    },
    { step: 'build' },
  );
  return client.send(new SendMessageCommand({ QueueUrl: rig.url('events'), MessageBody: 'untouched' }));
}

function setHeader(name: string, value: string): (request: Sendable) => void {
  return (request) => {
    request.headers[name] = value;
  };
}

async function depth(): Promise<number> {
  return rig.queues.depth('events').ready;
}

describe('a request is refused, and nothing is stored,', () => {
  it('when it was signed with another secret', async () => {
    const client = rig.client({ ...rig.key, secretAccessKey: `${rig.key.secretAccessKey}x` });
    await expect(
      client.send(new SendMessageCommand({ QueueUrl: rig.url('events'), MessageBody: 'x' })),
    ).rejects.toMatchObject({ name: 'SignatureDoesNotMatch', $metadata: { httpStatusCode: 403 } });
    expect(await depth()).toBe(0);
  });

  it('when nobody has its key', async () => {
    const client = rig.client({ ...rig.key, accessKeyId: 'HFNOBODY' });
    await expect(
      client.send(new SendMessageCommand({ QueueUrl: rig.url('events'), MessageBody: 'x' })),
    ).rejects.toMatchObject({ name: 'InvalidClientTokenId', $metadata: { httpStatusCode: 403 } });
  });

  const otherBody = (): string => JSON.stringify({ QueueUrl: rig.url('events'), MessageBody: 'tampered!' });
  const hashOf = (body: string): string => createHash('sha256').update(body).digest('hex');

  it.each<[string, (request: Sendable) => void]>([
    [
      'its body',
      (request) => {
        request.body = otherBody();
      },
    ],
    [
      'its body and the stated hash of it',
      (request) => {
        request.body = otherBody();
        request.headers['x-amz-content-sha256'] = hashOf(otherBody());
      },
    ],
    ['its action', setHeader('x-amz-target', 'AmazonSQS.DeleteMessage')],
    ['its host', setHeader('host', 'queue.example.com')],
    ['the time of its signature', setHeader('x-amz-date', stamp(Date.now() + 60_000))],
    ['a header that was signed', setHeader('x-amz-user-agent', 'somebody else')],
  ])('when somebody changed %s on its way', async (_, change) => {
    await expect(sendTampered(change)).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    expect(await depth()).toBe(0);
  });

  it.each([['UNSIGNED-PAYLOAD'], ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD'], ['0'.repeat(64)]])(
    'when its signature is good but covers %s instead of the body',
    async (stated) => {
      await expect(sendStating(stated)).rejects.toMatchObject({
        name: 'SignatureDoesNotMatch',
        message: expect.stringContaining('body'),
      });
    },
  );

  it.each(['host', 'x-amz-date', 'x-amz-target'])('when its signature leaves out %s', async (name) => {
    await expect(
      sendTampered((request) => {
        const signed = request.headers['authorization'] ?? '';
        request.headers['authorization'] = signed.replace(new RegExp(`([=;])${name};`), '$1');
      }),
    ).rejects.toMatchObject({ name: 'IncompleteSignature', message: expect.stringContaining(name) });
  });

  it.each([
    ['no header at all', undefined],
    ['another scheme', 'Bearer abc'],
    ['no signature', 'AWS4-HMAC-SHA256 Credential=a/20250101/hub/sqs/aws4_request, SignedHeaders=host'],
    [
      'another service',
      `AWS4-HMAC-SHA256 Credential=a/20250101/hub/s3/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
    ],
  ])('when Authorization is %s', async (_, authorization) => {
    const answer = await post('/', authorization === undefined ? {} : { authorization }, '{}');
    expect(answer.status).toBe(authorization === undefined ? 403 : 400);
    expect(answer.body).toMatch(/MissingAuthenticationToken|IncompleteSignature/);
  });

  it('when it is no POST to /', async () => {
    for (const path of ['/queue', '/?Action=SendMessage']) {
      expect((await post(path, {}, '{}')).body).toContain('UnknownOperationException');
    }
  });

  it.each([6 * 60_000, -6 * 60_000])('when its clock is off by %d ms, and both times are said', async (offset) => {
    const client = new SQSClient({
      endpoint: rig.endpoint.url,
      region: 'hub',
      credentials: rig.key,
      maxAttempts: 1,
      systemClockOffset: offset,
    });
    const refused = client.send(new SendMessageCommand({ QueueUrl: rig.url('events'), MessageBody: 'x' }));
    const about = (ms: number): string => stamp(ms).slice(0, 11);
    await expect(refused).rejects.toMatchObject({
      name: 'RequestExpired',
      message: expect.stringMatching(
        new RegExp(`Signed at ${about(Date.now() + offset)}.* by the sender's clock, but it is ${about(Date.now())}`),
      ),
    });
    client.destroy();
  });

  it('when its action is none of ours', async () => {
    const client = rig.client(rig.key);
    for (const command of [
      client.send(new CreateQueueCommand({ QueueName: 'mine' })),
      client.send(new ListQueuesCommand({})),
      client.send(new PurgeQueueCommand({ QueueUrl: rig.url('events') })),
    ]) {
      await expect(command).rejects.toMatchObject({ name: 'UnknownOperationException' });
    }
  });

  it('under the names by which the SDK knows its faults', async () => {
    const client = rig.client(rig.key);
    const QueueUrl = rig.url('events');
    await expect(client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: 'none' }))).rejects.toThrow(
      ReceiptHandleIsInvalid,
    );
    await expect(client.send(new SendMessageCommand({ QueueUrl, MessageBody: '\u0001' }))).rejects.toThrow(
      InvalidMessageContents,
    );
    const Entries = Array.from({ length: 11 }, (_, index) => ({ Id: `${index}`, MessageBody: 'x' }));
    await expect(client.send(new SendMessageBatchCommand({ QueueUrl, Entries }))).rejects.toThrow(
      TooManyEntriesInBatchRequest,
    );
    await expect(client.send(new SendMessageBatchCommand({ QueueUrl, Entries: [] }))).rejects.toThrow(
      EmptyBatchRequest,
    );
    await expect(client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 21 }))).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: expect.stringContaining('WaitTimeSeconds'),
    });
    await expect(client.send(new SendMessageCommand({ QueueUrl, MessageBody: undefined }))).rejects.toMatchObject({
      name: 'MissingParameter',
      message: expect.stringContaining('MessageBody'),
    });
  });

  it('when it asks for what the endpoint cannot do, instead of doing half of it', async () => {
    const client = rig.client(rig.key);
    const QueueUrl = rig.url('events');
    const MessageAttributes = { a: { DataType: 'String', StringValue: 'b' } };
    await expect(
      client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x', MessageAttributes })),
    ).rejects.toThrow(UnsupportedOperation);
    await expect(client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x', DelaySeconds: 5 }))).rejects.toThrow(
      UnsupportedOperation,
    );
    expect(await depth()).toBe(0);
  });

  it('when its body is larger than any message', async () => {
    const command = new SendMessageCommand({ QueueUrl: rig.url('events'), MessageBody: 'x'.repeat(5_000_000) });
    // Cut off in the middle of sending, a client may see the connection go before it sees the answer.
    await expect(rig.client(rig.key).send(command)).rejects.toThrow(/4194304 bytes|EPIPE|ECONNRESET|socket hang up/);
    expect(await depth()).toBe(0);
  });
});

describe('a sender whose clock is ten minutes off', () => {
  it('is put right by the answer, where his SDK may try again', async () => {
    const later = await startRig({ clock: () => Date.now() + 10 * 60_000 });
    later.queues.createQueue('events');
    const client = new SQSClient({ endpoint: later.endpoint.url, region: 'hub', credentials: later.key });
    await client.send(new SendMessageCommand({ QueueUrl: later.url('events'), MessageBody: 'x' }));
    expect(later.queues.depth('events').ready).toBe(1);
    client.destroy();
    await later.close();
  });
});

describe('a batch', () => {
  it('refuses the bad entries by their names, and takes the good ones', async () => {
    rig.queues.createQueue('partial');
    const QueueUrl = rig.url('partial');
    const client = rig.client(rig.key);
    const sent = await client.send(
      new SendMessageBatchCommand({
        QueueUrl,
        Entries: [
          { Id: 'good', MessageBody: 'good' },
          { Id: 'bad', MessageBody: '\u0000' },
        ],
      }),
    );
    expect(sent.Successful?.map((entry) => entry.Id)).toEqual(['good']);
    expect(sent.Failed).toEqual([
      expect.objectContaining({ Id: 'bad', Code: 'InvalidMessageContents', SenderFault: true }),
    ]);
    const { Messages } = await client.send(new ReceiveMessageCommand({ QueueUrl }));
    const removed = await client.send(
      new DeleteMessageBatchCommand({
        QueueUrl,
        Entries: [
          { Id: 'good', ReceiptHandle: Messages?.[0]?.ReceiptHandle },
          { Id: 'bad', ReceiptHandle: '1.2' },
        ],
      }),
    );
    expect(removed.Successful).toEqual([{ Id: 'good' }]);
    expect(removed.Failed?.map((entry) => entry.Code)).toEqual(['ReceiptHandleIsInvalid']);
    expect(rig.queues.depth('partial')).toEqual({ ready: 0, inFlight: 0 });
  });
});

/** As in x-amz-date. */
function stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '');
}

function post(path: string, headers: Record<string, string>, body: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(rig.endpoint.url + path, { method: 'POST', headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    request.on('error', reject);
    request.end(body);
  });
}
