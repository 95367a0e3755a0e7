import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteMessageBatchCommand,
  type Message,
  MessageSystemAttributeName,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';

export interface EventSourceOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  /** Must end within the queue's visibility timeout, else its messages come again meanwhile. */
  readonly handler: (event: SQSEvent) => Promise<SQSBatchResponse>;
  /** Records per call at most. A FIFO queue allows 10. */
  readonly batchSize: number;
  /** How long to gather a batch after its first message; absent: what one receive gave. Not for FIFO queues. */
  readonly batchWindowSeconds?: number;
  /** Handler calls at one time. */
  readonly concurrency: number;
  /** Told of a failed receive or delete, and of what the handler threw. The loop goes on. */
  readonly onError: (error: unknown) => void;
}

export interface EventSource {
  /** Takes no more, waits for the batches that run, and deletes what they did. */
  close(): Promise<void>;
}

const receiveMax = 10;
const waitSeconds = 20;
const firstPauseMs = 100;
const longestPauseMs = 5_000;

/**
 * Runs a Lambda handler over a queue with Lambda's semantics: what the handler does not name in `batchItemFailures` is
 * deleted; what it names, or the whole batch if it throws or names a record that is not there, is left in flight and
 * comes again when its visibility ends, as often as the queue's redrive policy allows. Nothing makes it come sooner:
 * on AWS nothing does either. On a FIFO queue the server holds a group's next messages back meanwhile, so order within
 * a group holds at any concurrency.
 */
export function eventSource(options: EventSourceOptions): EventSource {
  const closing = new AbortController();
  const pollers = Array.from({ length: options.concurrency }, () => poll(options, closing.signal));
  return {
    close: async () => {
      closing.abort();
      await Promise.all(pollers);
    },
  };
}

async function poll(options: EventSourceOptions, closing: AbortSignal): Promise<void> {
  let pauseMs = firstPauseMs;
  while (!closing.aborted) {
    try {
      const messages = await receiveBatch(options, closing);
      if (messages.length > 0) await handleBatch(options, messages);
      pauseMs = firstPauseMs;
    } catch (error) {
      if (isAbort(error)) return;
      options.onError(error);
      await sleep(pauseMs, undefined, { signal: closing }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }
}

async function receiveBatch(options: EventSourceOptions, closing: AbortSignal): Promise<Message[]> {
  const messages = await receive(options, waitSeconds, options.batchSize, closing);
  const endMs = Date.now() + (options.batchWindowSeconds ?? 0) * 1000;
  while (messages.length > 0 && messages.length < options.batchSize && Date.now() < endMs && !closing.aborted) {
    try {
      // Waits are whole seconds: a window may end up to one later.
      const leftSeconds = Math.ceil((endMs - Date.now()) / 1000);
      messages.push(...(await receive(options, leftSeconds, options.batchSize - messages.length, closing)));
    } catch (error) {
      // What is there already is handled first.
      if (!isAbort(error)) options.onError(error);
      break;
    }
  }
  return messages;
}

async function receive(
  { client, queueUrl }: EventSourceOptions,
  seconds: number,
  limit: number,
  closing: AbortSignal,
): Promise<Message[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl: queueUrl,
    MaxNumberOfMessages: Math.min(limit, receiveMax),
    WaitTimeSeconds: seconds,
    MessageSystemAttributeNames: [MessageSystemAttributeName.All],
  });
  return (await client.send(command, { abortSignal: closing })).Messages ?? [];
}

async function handleBatch(options: EventSourceOptions, messages: readonly Message[]): Promise<void> {
  const region = await options.client.config.region();
  const records = messages.map((message) => record(message, options.queueUrl, region));
  const failures = await failuresOf(options, records);
  const done = records.filter((record) => !failures.has(record.messageId));
  for (let start = 0; start < done.length; start += receiveMax) {
    await remove(options, done.slice(start, start + receiveMax));
  }
}

/** The message IDs that stay in the queue. */
async function failuresOf(options: EventSourceOptions, records: readonly SQSRecord[]): Promise<ReadonlySet<string>> {
  const all = new Set(records.map((record) => record.messageId));
  try {
    const { batchItemFailures } = await options.handler({ Records: [...records] });
    const failed = batchItemFailures.map((failure) => failure.itemIdentifier);
    const strange = failed.find((id) => !all.has(id));
    if (strange === undefined) return new Set(failed);
    options.onError(new Error(`the handler reports ${JSON.stringify(strange)}, which is not in its batch`));
  } catch (error) {
    options.onError(error);
  }
  return all;
}

async function remove({ client, queueUrl, onError }: EventSourceOptions, records: readonly SQSRecord[]): Promise<void> {
  const Entries = records.map((record, index) => ({ Id: String(index), ReceiptHandle: record.receiptHandle }));
  const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
  for (const { Id, Code, Message } of Failed) {
    onError(new Error(`message ${records[Number(Id)]?.messageId} is done but not deleted: ${Code}: ${Message}`));
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function record(message: Message, queueUrl: string, awsRegion: string): SQSRecord {
  const attributes = message.Attributes ?? {};
  const [name, account] = new URL(queueUrl).pathname.split('/').reverse();
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: {
      ...attributes,
      ApproximateReceiveCount: attributes.ApproximateReceiveCount ?? '',
      SentTimestamp: attributes.SentTimestamp ?? '',
      SenderId: attributes.SenderId ?? '',
      ApproximateFirstReceiveTimestamp: attributes.ApproximateFirstReceiveTimestamp ?? '',
    },
    messageAttributes: {},
    md5OfBody: message.MD5OfBody ?? '',
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:${awsRegion}:${account}:${name}`,
    awsRegion,
  };
}
