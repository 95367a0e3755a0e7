import * as z from 'zod';
import type { Outgoing } from '../messages.ts';
import type { Queue } from '../queues.ts';
import { SqsFault } from '../sqs-fault.ts';

export const message = z.object({
  MessageBody: z.string(),
  MessageGroupId: z.string().optional(),
  MessageDeduplicationId: z.string().optional(),
  DelaySeconds: z.int().optional(),
  MessageAttributes: z.record(z.string(), z.unknown()).optional(),
});
export type MessageInput = z.infer<typeof message>;

/** SQS's limits since 2025: one message, and all bodies of a batch together. */
export const maxMessageBytes = 1_048_576;
const maxBatchEntries = 10;

/** What XML 1.0 can hold is what SQS takes; a lone surrogate is in no range. */
const sendable = /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u;
/** SQS's alphabet of group and deduplication IDs. */
const identifier = /^[\x21-\x7e]{1,128}$/;

/** @throws SqsFault naming what SQS would not take of this message */
export function acceptedMessage(queue: Queue, input: MessageInput): void {
  const { MessageBody: body, MessageGroupId: groupId, MessageDeduplicationId: deduplicationId } = input;
  if (body === '') throw new SqsFault('MissingParameter', 'The request must contain the parameter MessageBody.');
  const bytes = Buffer.byteLength(body);
  if (bytes > maxMessageBytes) {
    throw new SqsFault('InvalidParameterValue', `MessageBody has ${bytes} bytes, more than ${maxMessageBytes}.`);
  }
  if (!sendable.test(body)) {
    throw new SqsFault('InvalidMessageContents', 'MessageBody holds characters outside of #x9 #xA #xD #x20-#xFFFD ….');
  }
  // Rather refused than lost on the way.
  if (input.DelaySeconds !== undefined && input.DelaySeconds !== 0) {
    throw new SqsFault('UnsupportedOperation', 'This endpoint delays no message: DelaySeconds must be 0.');
  }
  if (Object.keys(input.MessageAttributes ?? {}).length > 0) {
    throw new SqsFault('UnsupportedOperation', 'This endpoint carries no MessageAttributes.');
  }
  if (!queue.fifo) {
    if (groupId !== undefined || deduplicationId !== undefined) {
      throw new SqsFault('InvalidParameterValue', `${queue.name} is no FIFO queue: it has no groups, and no IDs.`);
    }
    return;
  }
  checkIdentifier('MessageGroupId', groupId);
  checkIdentifier('MessageDeduplicationId', deduplicationId);
}

function checkIdentifier(name: string, value: string | undefined): void {
  if (value === undefined) throw new SqsFault('MissingParameter', `The request must contain the parameter ${name}.`);
  if (!identifier.test(value)) {
    throw new SqsFault('InvalidParameterValue', `${name} must be 1 to 128 visible ASCII characters.`);
  }
}

/** @throws SqsFault where the batch as a whole is refused and none of it done */
export function acceptedBatch(entries: readonly { readonly Id: string; readonly MessageBody?: string }[]): void {
  if (entries.length === 0) throw new SqsFault('EmptyBatchRequest', 'There is no entry in the request.');
  if (entries.length > maxBatchEntries) {
    throw new SqsFault('TooManyEntriesInBatchRequest', `${entries.length} entries, more than ${maxBatchEntries}.`);
  }
  const wrong = entries.find((entry) => !/^[A-Za-z0-9_-]{1,80}$/.test(entry.Id));
  if (wrong !== undefined) {
    throw new SqsFault('InvalidBatchEntryId', 'An entry Id is 1 to 80 letters, digits, hyphens and underscores.');
  }
  if (new Set(entries.map((entry) => entry.Id)).size < entries.length) {
    throw new SqsFault('BatchEntryIdsNotDistinct', 'Two entries have the same Id.');
  }
  const bytes = entries.reduce((sum, entry) => sum + Buffer.byteLength(entry.MessageBody ?? ''), 0);
  if (bytes > maxMessageBytes) {
    throw new SqsFault('BatchRequestTooLong', `The bodies have ${bytes} bytes, more than ${maxMessageBytes}.`);
  }
}

export function outgoing(input: MessageInput): Outgoing {
  return { body: input.MessageBody, groupId: input.MessageGroupId, deduplicationId: input.MessageDeduplicationId };
}
