import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SendMessageResult,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** The queue contract's requests, in one line each. `client` is asked for at each call: it is made after the tests. */
export function asks(client: () => SQSClient) {
  return {
    send: (queueUrl: string, body: string): Promise<SendMessageResult> =>
      client().send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body })),
    sendTo: (queueUrl: string, group: string, id: string, body = id): Promise<SendMessageResult> => {
      const ids = { MessageGroupId: group, MessageDeduplicationId: id };
      return client().send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body, ...ids }));
    },
    receive: async (queueUrl: string, options: { waitSeconds?: number; max?: number } = {}): Promise<Message[]> => {
      const received = await client().send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: options.max ?? 10,
          WaitTimeSeconds: options.waitSeconds ?? 0,
          MessageSystemAttributeNames: ['All'],
        }),
      );
      return received.Messages ?? [];
    },
    remove: (queueUrl: string, message: Message | undefined): Promise<unknown> =>
      client().send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: message?.ReceiptHandle })),
    hide: (queueUrl: string, message: Message | undefined, seconds: number): Promise<unknown> =>
      client().send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: queueUrl,
          ReceiptHandle: message?.ReceiptHandle,
          VisibilityTimeout: seconds,
        }),
      ),
  };
}

export function bodies(messages: readonly Message[]): (string | undefined)[] {
  return messages.map((message) => message.Body);
}

export function attribute(
  message: Message | undefined,
  name: keyof NonNullable<Message['Attributes']>,
): string | undefined {
  return message?.Attributes?.[name];
}

/** Receives until `count` messages are there. @throws Error after twice as many answers */
export async function drain(receive: () => Promise<Message[]>, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  for (let attempt = 0; messages.length < count && attempt < 2 * count; attempt++) messages.push(...(await receive()));
  if (messages.length !== count) throw new Error(`${messages.length} messages came, not ${count}`);
  return messages;
}
