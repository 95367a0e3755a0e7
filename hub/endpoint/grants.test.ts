import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { relayGrants } from '../keys.ts';
import { type EndpointRig, startRig } from './endpoint.fixture.ts';

let rig: EndpointRig;
beforeAll(async () => {
  rig = await startRig();
  for (const name of ['events', 'reports', 'commands-one.fifo', 'commands-two.fifo']) rig.queues.createQueue(name);
});
afterAll(() => rig.close());

describe("a relay's key", () => {
  const fifo = { MessageBody: 'x', MessageGroupId: 'g', MessageDeduplicationId: 'd' };
  const asks = {
    SendMessage: (client: SQSClient, QueueUrl: string) =>
      client.send(new SendMessageCommand({ QueueUrl, ...(QueueUrl.endsWith('.fifo') ? fifo : { MessageBody: 'x' }) })),
    SendMessageBatch: (client: SQSClient, QueueUrl: string) =>
      client.send(
        new SendMessageBatchCommand({
          QueueUrl,
          Entries: [{ Id: '0', ...(QueueUrl.endsWith('.fifo') ? fifo : { MessageBody: 'x' }) }],
        }),
      ),
    ReceiveMessage: (client: SQSClient, QueueUrl: string) => client.send(new ReceiveMessageCommand({ QueueUrl })),
    DeleteMessage: (client: SQSClient, QueueUrl: string) =>
      client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: '1' })),
    ChangeMessageVisibility: (client: SQSClient, QueueUrl: string) =>
      client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: '1', VisibilityTimeout: 0 })),
    GetQueueUrl: (client: SQSClient, QueueUrl: string) =>
      client.send(new GetQueueUrlCommand({ QueueName: QueueUrl.split('/').at(-1) ?? '' })),
    GetQueueAttributes: (client: SQSClient, QueueUrl: string) =>
      client.send(new GetQueueAttributesCommand({ QueueUrl })),
  };
  const may: Record<string, (keyof typeof asks)[]> = {
    events: ['SendMessage', 'SendMessageBatch', 'GetQueueUrl', 'GetQueueAttributes'],
    reports: ['SendMessage', 'SendMessageBatch', 'GetQueueUrl', 'GetQueueAttributes'],
    'commands-one.fifo': [
      'ReceiveMessage',
      'DeleteMessage',
      'ChangeMessageVisibility',
      'GetQueueUrl',
      'GetQueueAttributes',
    ],
    'commands-two.fifo': [],
    'no-such-queue': [],
  };

  it('may send its events and reports and take its own commands, and nothing else', async () => {
    const key = rig.keys.createAccessKey(
      'relay:one',
      relayGrants({ events: 'events', reports: 'reports', commands: 'commands-one.fifo' }),
    );
    const client = rig.client(key);
    const allowed: Record<string, string[]> = {};
    for (const queue of Object.keys(may)) {
      for (const [name, ask] of Object.entries(asks)) {
        const outcome = await ask(client, rig.url(queue)).then(
          () => 'allowed',
          (error: unknown) => (error instanceof Error ? error.name : 'unknown'),
        );
        if (outcome !== 'AccessDeniedException') allowed[queue] = [...(allowed[queue] ?? []), name];
      }
    }
    expect(allowed).toEqual(Object.fromEntries(Object.entries(may).filter(([, names]) => names.length > 0)));
  });

  it('signs its messages with its principal, which no sender can choose', async () => {
    rig.queues.createQueue('signed');
    const key = rig.keys.createAccessKey('relay:three', [{ queue: 'signed', actions: ['SendMessage'] }]);
    await rig
      .client(key)
      .send(new SendMessageCommand({ QueueUrl: rig.url('signed'), MessageBody: '{"relay":"another"}' }));
    const received = await rig
      .client(rig.key)
      .send(new ReceiveMessageCommand({ QueueUrl: rig.url('signed'), MessageSystemAttributeNames: ['SenderId'] }));
    expect(received.Messages?.[0]?.Attributes).toEqual({ SenderId: 'relay:three' });
  });

  it('is refused from the moment it is revoked, while its successor works', async () => {
    const grants = relayGrants({ events: 'events', reports: 'reports', commands: 'commands-two.fifo' });
    const [old, young] = [rig.keys.createAccessKey('relay:two', grants), rig.keys.createAccessKey('relay:two', grants)];
    const ask = (key: typeof old): Promise<unknown> =>
      rig.client(key).send(new GetQueueAttributesCommand({ QueueUrl: rig.url('events') }));
    await Promise.all([ask(old), ask(young)]);
    expect(rig.keys.revokeAccessKey(old.accessKeyId)).toBe(true);
    await expect(ask(old)).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
    await ask(young);
  });
});
