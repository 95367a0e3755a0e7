import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { QueueAction } from '../keys.ts';
import type { Received, Sent } from '../messages.ts';
import type { QueueStore } from '../queues.ts';
import { SqsFault } from '../sqs-fault.ts';
import { acceptedBatch, acceptedMessage, type MessageInput, maxMessageBytes, message, outgoing } from './accept.ts';

/** What an action acts with: all of it known and proven before the action's own input is read. */
interface Call {
  readonly queues: QueueStore;
  readonly queue: string;
  /** The principal of the key that signed. */
  readonly principal: string;
  /** `http://host:port` under which the caller reached us. */
  readonly origin: string;
  /** Aborted when the caller hangs up or the endpoint closes. */
  readonly signal: AbortSignal;
}

export interface Action {
  /** The right that it needs on the queue. */
  readonly needs: QueueAction;
  run(input: unknown, call: Call): Promise<object>;
}

const seconds = (max: number) => z.int().min(0).max(max);
const visibility = seconds(43_200);
const receiptHandle = z.string().min(1);

const batchOf = <Shape extends z.ZodRawShape>(entry: z.ZodObject<Shape>) =>
  z.object({ Entries: z.array(entry.extend({ Id: z.string() })) });

const receive = z.object({
  MaxNumberOfMessages: z.int().min(1).max(10).default(1),
  WaitTimeSeconds: seconds(20).default(0),
  VisibilityTimeout: visibility.optional(),
  MessageSystemAttributeNames: z.array(z.string()).default([]),
  AttributeNames: z.array(z.string()).default([]),
});
const handle = z.object({ ReceiptHandle: receiptHandle });
const handleAndVisibility = handle.extend({ VisibilityTimeout: visibility });
const attributeNames = z.object({ AttributeNames: z.array(z.string()).default([]) });

/** The actions that Holdfast uses, by their `x-amz-target` without `AmazonSQS.`; there are no others. */
export const actions: ReadonlyMap<string, Action> = new Map([
  ['SendMessage', action('SendMessage', message, send)],
  ['SendMessageBatch', action('SendMessage', batchOf(message), sendBatch)],
  ['ReceiveMessage', action('ReceiveMessage', receive, receiveMessages)],
  ['DeleteMessage', action('DeleteMessage', handle, deleteOne)],
  ['DeleteMessageBatch', action('DeleteMessage', batchOf(handle), deleteBatch)],
  ['ChangeMessageVisibility', action('ChangeMessageVisibility', handleAndVisibility, changeOne)],
  ['ChangeMessageVisibilityBatch', action('ChangeMessageVisibility', batchOf(handleAndVisibility), changeBatch)],
  ['GetQueueUrl', action('GetQueueUrl', z.object({}), getQueueUrl)],
  ['GetQueueAttributes', action('GetQueueAttributes', attributeNames, getQueueAttributes)],
]);

function action<T>(needs: QueueAction, schema: z.ZodType<T>, run: (input: T, call: Call) => object): Action {
  return { needs, run: async (input, call) => run(parse(schema, input), call) };
}

/** @throws SqsFault naming the first parameter that is wrong */
export function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const name = issue?.path.join('.') ?? '';
  if (issue !== undefined && issue.input === undefined) {
    throw new SqsFault('MissingParameter', `The request must contain the parameter ${name}.`);
  }
  throw new SqsFault('InvalidParameterValue', `The parameter ${name} is invalid. Reason: ${issue?.message}.`);
}

function send(input: MessageInput, { queues, queue, principal }: Call): object {
  acceptedMessage(queues.queue(queue), input);
  const [sent] = queues.send(queue, principal, [outgoing(input)]);
  return sent === undefined ? {} : sentResult(sent, input);
}

function sendBatch({ Entries }: { Entries: (MessageInput & { Id: string })[] }, call: Call): object {
  const queue = call.queues.queue(call.queue);
  acceptedBatch(Entries);
  const faults = Entries.map((entry) => faultOf(() => acceptedMessage(queue, entry)));
  const accepted = Entries.filter((_, index) => faults[index] === undefined);
  const sent = call.queues.send(call.queue, call.principal, accepted.map(outgoing));
  return {
    Successful: accepted.flatMap((entry, index) => {
      const one = sent[index];
      return one === undefined ? [] : [{ Id: entry.Id, ...sentResult(one, entry) }];
    }),
    Failed: failed(Entries, faults),
  };
}

function sentResult(sent: Sent, input: MessageInput): object {
  const { messageId: MessageId, sequenceNumber: SequenceNumber } = sent;
  return { MessageId, MD5OfMessageBody: md5(input.MessageBody), SequenceNumber };
}

async function receiveMessages(input: z.infer<typeof receive>, { queues, queue, signal }: Call): Promise<object> {
  const received = await queues.receive(queue, {
    maxMessages: input.MaxNumberOfMessages,
    visibilitySeconds: input.VisibilityTimeout,
    waitSeconds: input.WaitTimeSeconds,
    signal,
  });
  const wanted = new Set([...input.MessageSystemAttributeNames, ...input.AttributeNames]);
  return received.length === 0 ? {} : { Messages: received.map((message) => receivedResult(message, wanted)) };
}

function receivedResult(message: Received, wanted: ReadonlySet<string>): object {
  const all = {
    SenderId: message.sender,
    SentTimestamp: String(message.sentAtMs),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAtMs),
    MessageGroupId: message.groupId,
    MessageDeduplicationId: message.deduplicationId,
    SequenceNumber: message.sequenceNumber,
  };
  return {
    MessageId: message.messageId,
    ReceiptHandle: message.receiptHandle,
    MD5OfBody: md5(message.body),
    Body: message.body,
    Attributes: chosen(all, wanted),
  };
}

function deleteOne(input: { ReceiptHandle: string }, { queues, queue }: Call): object {
  return onlyOutcome(queues.delete(queue, [input.ReceiptHandle]));
}

function deleteBatch({ Entries }: { Entries: { Id: string; ReceiptHandle: string }[] }, call: Call): object {
  acceptedBatch(Entries);
  const handles = Entries.map((entry) => entry.ReceiptHandle);
  return outcomes(Entries, call.queues.delete(call.queue, handles));
}

type ChangeInput = z.infer<typeof handleAndVisibility>;

function changeOne(input: ChangeInput, { queues, queue }: Call): object {
  return onlyOutcome(queues.changeVisibility(queue, [change(input)]));
}

function changeBatch({ Entries }: { Entries: (ChangeInput & { Id: string })[] }, call: Call): object {
  acceptedBatch(Entries);
  return outcomes(Entries, call.queues.changeVisibility(call.queue, Entries.map(change)));
}

function change(input: ChangeInput): { receiptHandle: string; seconds: number } {
  return { receiptHandle: input.ReceiptHandle, seconds: input.VisibilityTimeout };
}

function getQueueUrl(_: object, { queues, queue, origin }: Call): object {
  return { QueueUrl: `${origin}/${account}/${queues.queue(queue).name}` };
}

function getQueueAttributes({ AttributeNames }: { AttributeNames: string[] }, { queues, queue: name }: Call): object {
  const queue = queues.queue(name);
  const wanted = new Set(AttributeNames);
  const counted = [...wanted].some((attribute) => attribute === 'All' || attribute.startsWith('Approximate'));
  const depth = counted ? queues.depth(name) : undefined;
  const all = {
    QueueArn: queueArn(name),
    ApproximateNumberOfMessages: depth?.ready,
    ApproximateNumberOfMessagesNotVisible: depth?.inFlight,
    ApproximateNumberOfMessagesDelayed: 0,
    CreatedTimestamp: Math.floor(queue.createdAtMs / 1000),
    VisibilityTimeout: queue.visibilitySeconds,
    MessageRetentionPeriod: queue.retentionSeconds,
    MaximumMessageSize: maxMessageBytes,
    RedrivePolicy:
      queue.deadLetter &&
      JSON.stringify({
        deadLetterTargetArn: queueArn(queue.deadLetter.queue),
        maxReceiveCount: queue.deadLetter.maxReceiveCount,
      }),
    ...(queue.fifo
      ? { FifoQueue: 'true', ContentBasedDeduplication: 'false', DeduplicationScope: 'messageGroup' }
      : {}),
  };
  return { Attributes: chosen(all, wanted) };
}

/** As LocalStack's and ElasticMQ's: the account that stands for "no account". */
const account = '000000000000';

function queueArn(name: string): string {
  return `arn:aws:sqs:hub:${account}:${name}`;
}

/** Attribute values are text on the wire; `All` means all there are. */
function chosen(all: Record<string, string | number | undefined>, wanted: ReadonlySet<string>): object {
  const entries = Object.entries(all).filter(([name]) => wanted.has('All') || wanted.has(name));
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}

function onlyOutcome([fault]: readonly (SqsFault | undefined)[]): object {
  if (fault !== undefined) throw fault;
  return {};
}

function outcomes(entries: readonly { Id: string }[], faults: readonly (SqsFault | undefined)[]): object {
  const good = entries.filter((_, index) => faults[index] === undefined);
  return { Successful: good.map(({ Id }) => ({ Id })), Failed: failed(entries, faults) };
}

function failed(entries: readonly { Id: string }[], faults: readonly (SqsFault | undefined)[]): object[] {
  return entries.flatMap(({ Id }, index) => {
    const fault = faults[index];
    return fault === undefined ? [] : [{ Id, Code: fault.code, Message: fault.message, SenderFault: true }];
  });
}

function faultOf(check: () => void): SqsFault | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof SqsFault) return error;
    throw error;
  }
}

function md5(body: string): string {
  return createHash('md5').update(body).digest('hex');
}
