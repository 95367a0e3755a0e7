import { randomUUID } from 'node:crypto';
import { CreateQueueCommand, DeleteQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type QueueFixture, queueContract } from '../hub/queue.contract.ts';
import { describeOnAws } from '../lab/aws/describe.ts';
import { place } from '../lab/aws/servers.ts';

await describeOnAws('SQS', 'sqs', (endpoints) => {
  for (const { name, url } of endpoints) queueContract(name, () => queueFixture(url, name !== 'ElasticMQ'));
});

/** Queues made and deleted by the SDK. With one attempt a refusal shows as what it is. */
async function queueFixture(endpoint: string, deduplicatesPerGroup: boolean): Promise<QueueFixture> {
  const client = new SQSClient({ ...place, endpoint, maxAttempts: 1 });
  const made: string[] = [];
  return {
    client,
    deduplicatesPerGroup,
    makeQueue: async ({ fifo, visibilitySeconds = 30, deadLetter }) => {
      const Attributes = {
        VisibilityTimeout: String(visibilitySeconds),
        // The default of SQS, and not of each server.
        MaximumMessageSize: String(1_048_576),
        ...(fifo === true && {
          FifoQueue: 'true',
          DeduplicationScope: 'messageGroup',
          FifoThroughputLimit: 'perMessageGroupId',
        }),
        ...(deadLetter !== undefined && {
          RedrivePolicy: JSON.stringify({
            deadLetterTargetArn: await arnOf(client, deadLetter.queueUrl),
            maxReceiveCount: deadLetter.maxReceiveCount,
          }),
        }),
      };
      const name = `contract-${randomUUID()}${fifo === true ? '.fifo' : ''}`;
      const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes }));
      made.push(QueueUrl);
      return QueueUrl;
    },
    close: async () => {
      for (const QueueUrl of made) await client.send(new DeleteQueueCommand({ QueueUrl }));
      client.destroy();
    },
  };
}

async function arnOf(client: SQSClient, QueueUrl: string): Promise<string> {
  const asked = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] });
  return (await client.send(asked)).Attributes?.QueueArn ?? '';
}
