import { GetQueueAttributesCommand, SendMessageBatchCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EndpointRig, startRig } from './endpoint/endpoint.fixture.ts';
import { type EventSource, type EventSourceOptions, eventSource } from './event-source.ts';

let rig: EndpointRig;
let source: EventSource | undefined;
let errors: unknown[];
beforeEach(async () => {
  rig = await startRig();
  rig.queues.createQueue('dead');
  rig.queues.createQueue('q', { visibilitySeconds: 1, deadLetter: { queue: 'dead', maxReceiveCount: 2 } });
  rig.queues.createQueue('q.fifo', { visibilitySeconds: 1 });
  errors = [];
});
afterEach(async () => {
  await source?.close();
  source = undefined;
  await rig.close();
});

const fine: SQSBatchResponse = { batchItemFailures: [] };

function start(handler: EventSourceOptions['handler'], options: Partial<EventSourceOptions> = {}): EventSource {
  source = eventSource({
    client: rig.client(rig.key),
    queueUrl: rig.url('q'),
    handler,
    batchSize: 10,
    concurrency: 1,
    onError: (error) => errors.push(error),
    ...options,
  });
  return source;
}

async function send(...bodies: string[]): Promise<void> {
  const Entries = bodies.map((body, index) => ({ Id: `${index}`, MessageBody: body }));
  await rig.client(rig.key).send(new SendMessageBatchCommand({ QueueUrl: rig.url('q'), Entries }));
}

const bodiesOf = (event: SQSEvent): string[] => event.Records.map((record) => record.body);

async function until(holds: () => boolean, withinMs = 5000): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > endMs) throw new Error(`not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const empty = (name = 'q') => {
  const { ready, inFlight } = rig.queues.depth(name);
  return ready === 0 && inFlight === 0;
};

describe('an event source', { timeout: 15_000 }, () => {
  it("hands over Lambda's event as soon as it is sent, and deletes what was handled", async () => {
    const events: { event: SQSEvent; atMs: number }[] = [];
    start(async (event) => {
      events.push({ event, atMs: performance.now() });
      return fine;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const latencies: number[] = [];
    for (let index = 0; index < 10; index++) {
      const sentMs = performance.now();
      await send(`${index}`);
      await until(() => events.length === index + 1 && empty());
      latencies.push((events[index]?.atMs ?? Number.NaN) - sentMs);
    }
    expect(latencies.sort((a, b) => a - b)[5]).toBeLessThan(2_000);
    expect(events[0]?.event.Records).toEqual([
      {
        messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        receiptHandle: expect.any(String),
        body: '0',
        attributes: {
          SenderId: 'hub',
          SentTimestamp: expect.stringMatching(/^\d{13}$/),
          ApproximateReceiveCount: '1',
          ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
        },
        messageAttributes: {},
        md5OfBody: expect.stringMatching(/^[0-9a-f]{32}$/),
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:hub:000000000000:q',
        awsRegion: 'hub',
      },
    ]);
    expect(errors).toEqual([]);
  });

  it('leaves what the handler names in the queue, gives it again, and at last to the dead letters', async () => {
    const calls: string[][] = [];
    start(async (event) => {
      calls.push(bodiesOf(event));
      const bad = event.Records.filter((record) => record.body === 'bad');
      return { batchItemFailures: bad.map((record) => ({ itemIdentifier: record.messageId })) };
    });
    await send('good', 'bad');
    await until(() => rig.queues.depth('dead').ready === 1);
    expect(calls.flat().sort()).toEqual(['bad', 'bad', 'good']);
    expect(empty()).toBe(true);
    expect(errors).toEqual([]);
  });

  it.each<[string, EventSourceOptions['handler']]>([
    ['throws', () => Promise.reject(new Error('no database'))],
    ['names a record that is not there', async () => ({ batchItemFailures: [{ itemIdentifier: 'another' }] })],
  ])('takes a whole batch as failed when its handler %s', async (_, fail) => {
    const calls: string[][] = [];
    start(async (event) => {
      calls.push(bodiesOf(event));
      return calls.length === 1 ? await fail(event) : fine;
    });
    await send('a', 'b');
    await until(() => empty());
    expect(calls).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect(errors).toHaveLength(1);
  });

  it('keeps order within each group at any concurrency, also through failures', async () => {
    const client = rig.client(rig.key);
    const groups = ['a', 'b', 'c'];
    for (let index = 0; index < 12; index++) {
      for (const group of groups) {
        const id = `${group}${index}`;
        const ids = { MessageGroupId: group, MessageDeduplicationId: id };
        await client.send(new SendMessageCommand({ QueueUrl: rig.url('q.fifo'), MessageBody: id, ...ids }));
      }
    }
    const done: string[] = [];
    let failed = false;
    const handler: EventSourceOptions['handler'] = async (event) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      // The group stops at its first failure, as a handler must on a FIFO queue.
      const stopped = new Set<string>();
      const failures = event.Records.filter((record) => {
        const group = record.attributes.MessageGroupId ?? '';
        if (record.body === 'b3' && !failed) {
          failed = true;
          stopped.add(group);
        }
        if (!stopped.has(group)) done.push(record.body);
        return stopped.has(group);
      });
      return { batchItemFailures: failures.map((record) => ({ itemIdentifier: record.messageId })) };
    };
    start(handler, { queueUrl: rig.url('q.fifo'), concurrency: 4, batchSize: 5 });
    await until(() => empty('q.fifo'), 10_000);
    for (const group of groups) {
      const expected = Array.from({ length: 12 }, (_, index) => `${group}${index}`);
      expect(done.filter((id) => id.startsWith(group))).toEqual(expected);
    }
    expect(failed).toBe(true);
  });

  it('gathers a batch larger than one receive within its window', async () => {
    await send(...Array.from({ length: 10 }, (_, index) => `${index}`));
    await send(...Array.from({ length: 5 }, (_, index) => `${10 + index}`));
    const calls: string[][] = [];
    const handler: EventSourceOptions['handler'] = async (event) => {
      calls.push(bodiesOf(event));
      return fine;
    };
    start(handler, { batchSize: 15, batchWindowSeconds: 5 });
    await until(() => empty());
    expect(calls.map((bodies) => bodies.length)).toEqual([15]);
  });

  it('goes on after the queue could not be reached', async () => {
    const seen: string[] = [];
    const client = rig.client(rig.key);
    let broken = true;
    client.middlewareStack.add(
      (next) => (args) => (broken ? Promise.reject(new Error('connection refused')) : next(args)),
      { step: 'initialize' },
    );
    const handler: EventSourceOptions['handler'] = async (event) => {
      seen.push(...bodiesOf(event));
      return fine;
    };
    start(handler, { client });
    await send('x');
    await until(() => errors.length >= 2);
    broken = false;
    await until(() => seen.length === 1);
  });

  it('closes once the batch that runs is handled and deleted, and takes no other', async () => {
    let finish: () => void = () => undefined;
    const calls: string[][] = [];
    const running = start(
      (event) =>
        new Promise((resolve) => {
          calls.push(bodiesOf(event));
          finish = () => resolve(fine);
        }),
      { batchSize: 1 },
    );
    await send('first', 'second');
    await until(() => calls.length === 1);
    let closed = false;
    const closing = running.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(closed).toBe(false);
    finish();
    await closing;
    const { Attributes } = await rig
      .client(rig.key)
      .send(new GetQueueAttributesCommand({ QueueUrl: rig.url('q'), AttributeNames: ['All'] }));
    expect(Attributes?.ApproximateNumberOfMessages).toBe('1');
    expect(Attributes?.ApproximateNumberOfMessagesNotVisible).toBe('0');
    expect(calls).toEqual([['first']]);
  });

  it('closes at once while it waits for messages', async () => {
    const idle = start(async () => fine, { concurrency: 3 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closedAt = performance.now();
    await idle.close();
    expect(performance.now() - closedAt).toBeLessThan(5_000);
    expect(errors).toEqual([]);
  });
});
