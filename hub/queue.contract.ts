import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SendMessageResult,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asks, attribute, bodies, drain } from './queue.asks.ts';

export interface QueueFixture {
  readonly client: SQSClient;
  /** DeduplicationScope `messageGroup` works. ElasticMQ 1.7 takes the attribute and deduplicates over the queue. */
  readonly deduplicatesPerGroup: boolean;
  /** A new, empty queue of a name of its own; its URL. FIFO queues deduplicate per message group. */
  makeQueue(attributes: {
    readonly fifo?: boolean;
    /** Default 30. */
    readonly visibilitySeconds?: number;
    readonly deadLetter?: { readonly queueUrl: string; readonly maxReceiveCount: number };
  }): Promise<string>;
  close(): Promise<void>;
}

/** What Holdfast needs of any SQS endpoint, asked through the real SDK; the SDK checks the MD5 of each body by itself. */
export function queueContract(name: string, start: () => Promise<QueueFixture>): void {
  // Each test has queues of its own, and most of its time is waiting.
  describe.concurrent(`${name}: the queue's contract`, { timeout: 20_000 }, () => {
    let fixture: QueueFixture;
    beforeAll(async () => {
      fixture = await start();
    }, 60_000);
    afterAll(() => fixture.close());

    const { send, sendTo, receive, remove, hide } = asks(() => fixture.client);

    describe('a standard queue', () => {
      it('gives back what was sent, with who sent it, when, and how often it was given', async () => {
        const queueUrl = await fixture.makeQueue({});
        const body = '{"line":"ünïcode 😀 \\u0000","tab":"\t"}\r\n\ufffd';
        const before = Date.now();
        const sent = await send(queueUrl, body);
        const [message] = await receive(queueUrl, { waitSeconds: 1 });
        expect(message?.Body).toBe(body);
        expect(message?.MessageId).toBe(sent.MessageId);
        expect(attribute(message, 'SenderId')).toMatch(/./);
        expect(Math.abs(Number(attribute(message, 'SentTimestamp')) - before)).toBeLessThan(5000);
        expect(attribute(message, 'ApproximateReceiveCount')).toBe('1');
      });

      it('gives no attributes to who asks for none', async () => {
        const queueUrl = await fixture.makeQueue({});
        await send(queueUrl, 'x');
        const { Messages } = await fixture.client.send(
          new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 1 }),
        );
        expect(Messages?.[0]?.Body).toBe('x');
        expect(Messages?.[0]?.Attributes ?? {}).toEqual({});
      });

      it('takes a message of 1,000 KiB, and refuses one above 1 MiB', async () => {
        const queueUrl = await fixture.makeQueue({});
        const body = 'x'.repeat(1000 * 1024);
        await send(queueUrl, body);
        const [message] = await receive(queueUrl, { waitSeconds: 1 });
        expect(message?.Body === body).toBe(true);
        await expect(send(queueUrl, 'x'.repeat(1_048_577))).rejects.toThrow();
      });

      it('refuses an empty body and control characters', async () => {
        const queueUrl = await fixture.makeQueue({});
        for (const body of ['', 'a\u0000b', '\u001b[0m', '\ufffe'])
          await expect(send(queueUrl, body)).rejects.toThrow();
        expect(await receive(queueUrl)).toEqual([]);
      });

      it('gives a message to one receiver at a time, and forgets it once deleted', async () => {
        const queueUrl = await fixture.makeQueue({ visibilitySeconds: 1 });
        await send(queueUrl, 'x');
        const [message] = await receive(queueUrl, { waitSeconds: 1 });
        expect(await receive(queueUrl)).toEqual([]);
        await remove(queueUrl, message);
        expect(await receive(queueUrl, { waitSeconds: 2 })).toEqual([]);
      });

      it('gives a message again when its visibility ends, and counts it', async () => {
        const queueUrl = await fixture.makeQueue({ visibilitySeconds: 1 });
        await send(queueUrl, 'x');
        const [first] = await receive(queueUrl, { waitSeconds: 1 });
        const [second] = await receive(queueUrl, { waitSeconds: 4 });
        expect(second?.MessageId).toBe(first?.MessageId);
        expect(attribute(second, 'ApproximateReceiveCount')).toBe('2');
        expect(attribute(second, 'SentTimestamp')).toBe(attribute(first, 'SentTimestamp'));
        expect(second?.ReceiptHandle).not.toBe(first?.ReceiptHandle);
      });

      it('lets its receiver give a message back, or keep it longer', async () => {
        const queueUrl = await fixture.makeQueue({ visibilitySeconds: 1 });
        await send(queueUrl, 'x');
        const [first] = await receive(queueUrl, { waitSeconds: 1 });
        await hide(queueUrl, first, 0);
        const [second] = await receive(queueUrl, { waitSeconds: 1 });
        expect(second?.MessageId).toBe(first?.MessageId);
        await hide(queueUrl, second, 30);
        expect(await receive(queueUrl, { waitSeconds: 2 })).toEqual([]);
        await remove(queueUrl, second);
      });

      it('wakes a waiting receiver at once, and lets it go when the wait is over', async () => {
        const queueUrl = await fixture.makeQueue({});
        const waiting = receive(queueUrl, { waitSeconds: 10 });
        await new Promise((resolve) => setTimeout(resolve, 300));
        const sentAt = performance.now();
        await send(queueUrl, 'x');
        expect(bodies(await waiting)).toEqual(['x']);
        expect(performance.now() - sentAt).toBeLessThan(5000);
        const emptyAt = performance.now();
        expect(await receive(queueUrl, { waitSeconds: 1 })).toEqual([]);
        expect(performance.now() - emptyAt).toBeGreaterThan(800);
      });

      it('takes and forgets ten at a time', async () => {
        const queueUrl = await fixture.makeQueue({});
        const Entries = Array.from({ length: 10 }, (_, index) => ({ Id: `${index}`, MessageBody: `body ${index}` }));
        const sent = await fixture.client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
        expect(sent.Successful?.map((entry) => entry.Id).sort()).toEqual(Entries.map((entry) => entry.Id));
        const messages = await drain(() => receive(queueUrl, { waitSeconds: 1 }), 10);
        expect(bodies(messages).sort()).toEqual(Entries.map((entry) => entry.MessageBody));
        const removed = await fixture.client.send(
          new DeleteMessageBatchCommand({
            QueueUrl: queueUrl,
            Entries: messages.map((message, index) => ({ Id: `${index}`, ReceiptHandle: message.ReceiptHandle })),
          }),
        );
        expect(removed.Successful).toHaveLength(10);
        const { Attributes } = await fixture.client.send(
          new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
        );
        expect(Attributes?.ApproximateNumberOfMessages).toBe('0');
        expect(Attributes?.ApproximateNumberOfMessagesNotVisible).toBe('0');
      });

      it('refuses a batch that is too long or names an entry twice', async () => {
        const queueUrl = await fixture.makeQueue({});
        const entries = (count: number, body: string) =>
          Array.from({ length: count }, (_, index) => ({ Id: `${index}`, MessageBody: body }));
        const twice = [...entries(1, 'x'), ...entries(1, 'y')];
        for (const Entries of [entries(11, 'x'), twice, entries(10, 'x'.repeat(200 * 1024))]) {
          await expect(
            fixture.client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries })),
          ).rejects.toThrow();
        }
        expect(await receive(queueUrl)).toEqual([]);
      });

      it('gives each of many messages to one of many receivers', async () => {
        const queueUrl = await fixture.makeQueue({});
        for (let index = 0; index < 40; index++) await send(queueUrl, `${index}`);
        const receivers = Array.from({ length: 4 }, async () => {
          const got: Message[] = [];
          for (;;) {
            const more = await receive(queueUrl, { waitSeconds: 1, max: 3 });
            if (more.length === 0) return got;
            got.push(...more);
          }
        });
        const got = (await Promise.all(receivers)).flat().map((message) => Number(message.Body));
        expect(got.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index));
      });

      it('says its URL by its name, and that another does not exist', async () => {
        const queueUrl = await fixture.makeQueue({});
        const name = queueUrl.split('/').at(-1) ?? '';
        const found = await fixture.client.send(new GetQueueUrlCommand({ QueueName: name }));
        expect(new URL(found.QueueUrl ?? '').pathname).toBe(new URL(queueUrl).pathname);
        await expect(fixture.client.send(new GetQueueUrlCommand({ QueueName: `${name}-not` }))).rejects.toThrow(
          QueueDoesNotExist,
        );
        await expect(send(`${queueUrl}-not`, 'x')).rejects.toThrow(QueueDoesNotExist);
      });
    });

    describe('a FIFO queue', () => {
      it('keeps order within a group, and numbers it', async () => {
        const queueUrl = await fixture.makeQueue({ fifo: true });
        const sent: SendMessageResult[] = [];
        for (const id of ['a1', 'a2', 'a3']) sent.push(await sendTo(queueUrl, 'a', id));
        const messages = await receive(queueUrl, { waitSeconds: 1 });
        expect(bodies(messages)).toEqual(['a1', 'a2', 'a3']);
        expect(messages.map((message) => attribute(message, 'MessageGroupId'))).toEqual(['a', 'a', 'a']);
        expect(messages.map((message) => attribute(message, 'MessageDeduplicationId'))).toEqual(['a1', 'a2', 'a3']);
        const numbers = messages.map((message) => BigInt(attribute(message, 'SequenceNumber') ?? -1));
        expect(numbers).toEqual(numbers.toSorted((a, b) => (a < b ? -1 : 1)));
        expect(new Set(numbers).size).toBe(3);
      });

      it('holds a group back while one of its messages is in flight, and no other group', async () => {
        const queueUrl = await fixture.makeQueue({ fifo: true });
        for (const id of ['a1', 'a2', 'b1']) await sendTo(queueUrl, id.charAt(0), id);
        const [a1] = await receive(queueUrl, { waitSeconds: 1, max: 1 });
        expect(a1?.Body).toBe('a1');
        expect(bodies(await receive(queueUrl, { waitSeconds: 1 }))).toEqual(['b1']);
        expect(await receive(queueUrl)).toEqual([]);
        const waiting = receive(queueUrl, { waitSeconds: 10 });
        await new Promise((resolve) => setTimeout(resolve, 200));
        await remove(queueUrl, a1);
        expect(bodies(await waiting)).toEqual(['a2']);
      });

      it('gives a group again in order when its visibility ends', async () => {
        const queueUrl = await fixture.makeQueue({ fifo: true, visibilitySeconds: 1 });
        for (const id of ['a1', 'a2', 'a3']) await sendTo(queueUrl, 'a', id);
        expect(bodies(await receive(queueUrl, { waitSeconds: 1, max: 2 }))).toEqual(['a1', 'a2']);
        await new Promise((resolve) => setTimeout(resolve, 1300));
        const again = await drain(() => receive(queueUrl, { waitSeconds: 3 }), 3);
        expect(bodies(again)).toEqual(['a1', 'a2', 'a3']);
        expect(attribute(again[0], 'ApproximateReceiveCount')).toBe('2');
      });

      it('takes the same ID in the same group once, also after it was deleted', async () => {
        const queueUrl = await fixture.makeQueue({ fifo: true });
        const first = await sendTo(queueUrl, 'a', 'once', 'first');
        const second = await sendTo(queueUrl, 'a', 'once', 'second');
        expect(second.MessageId).toBe(first.MessageId);
        const [message] = await receive(queueUrl, { waitSeconds: 1 });
        expect(message?.Body).toBe('first');
        await remove(queueUrl, message);
        await sendTo(queueUrl, 'a', 'once', 'third');
        expect(await receive(queueUrl, { waitSeconds: 1 })).toEqual([]);
      });

      it('takes the same ID in two groups twice', async ({ skip }) => {
        if (!fixture.deduplicatesPerGroup) skip('this endpoint deduplicates over the whole queue');
        const queueUrl = await fixture.makeQueue({ fifo: true });
        await sendTo(queueUrl, 'a', 'same', 'of a');
        await sendTo(queueUrl, 'b', 'same', 'of b');
        const messages = await drain(() => receive(queueUrl, { waitSeconds: 1 }), 2);
        expect(bodies(messages).sort()).toEqual(['of a', 'of b']);
      });

      it('refuses a message without a group', async () => {
        const queueUrl = await fixture.makeQueue({ fifo: true });
        await expect(send(queueUrl, 'x')).rejects.toThrow();
      });
    });

    describe('a dead-letter queue', () => {
      it('gets what was received too often', async () => {
        const deadLetters = await fixture.makeQueue({});
        const queueUrl = await fixture.makeQueue({
          visibilitySeconds: 1,
          deadLetter: { queueUrl: deadLetters, maxReceiveCount: 2 },
        });
        const sent = await send(queueUrl, 'poison');
        for (const count of ['1', '2']) {
          const [message] = await receive(queueUrl, { waitSeconds: 4 });
          expect(attribute(message, 'ApproximateReceiveCount')).toBe(count);
        }
        expect(await receive(queueUrl, { waitSeconds: 3 })).toEqual([]);
        const [dead] = await receive(deadLetters, { waitSeconds: 3 });
        expect(dead?.Body).toBe('poison');
        expect(dead?.MessageId).toBe(sent.MessageId);
        expect(attribute(dead, 'SentTimestamp')).toMatch(/^\d{13}$/);
      });

      it('of a FIFO queue lets the rest of the group go on', async () => {
        const deadLetters = await fixture.makeQueue({ fifo: true });
        const queueUrl = await fixture.makeQueue({
          fifo: true,
          visibilitySeconds: 1,
          deadLetter: { queueUrl: deadLetters, maxReceiveCount: 1 },
        });
        for (const id of ['poison', 'next']) await sendTo(queueUrl, 'a', id);
        expect(bodies(await receive(queueUrl, { waitSeconds: 1, max: 1 }))).toEqual(['poison']);
        expect(bodies(await receive(queueUrl, { waitSeconds: 4 }))).toEqual(['next']);
        expect(bodies(await receive(deadLetters, { waitSeconds: 3 }))).toEqual(['poison']);
      });
    });
  });
}
