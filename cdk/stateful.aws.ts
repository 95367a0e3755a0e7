import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Template } from 'aws-cdk-lib/assertions';
import { expect, it } from 'vitest';
import { describeOnAws } from '../lab/aws/describe.ts';
import { place } from '../lab/aws/servers.ts';
import { newApp } from './stacks.fixture.ts';
import { StatefulStack } from './stateful.ts';

const template = Template.fromStack(new StatefulStack(newApp(), 'stack', 'local', {}));
const queues = Object.values(template.findResources('AWS::SQS::Queue')).map(({ Properties }) => Properties);
const names = new Map(
  Object.entries(template.findResources('AWS::SQS::Queue')).map(([id, { Properties }]) => [id, Properties.QueueName]),
);

await describeOnAws('the deployed stack', 'stack', ({ endpoint, outputs }) => {
  it.each(queues)('has the queue $QueueName as the template says it', async (wanted) => {
    const client = new SQSClient({ ...place, endpoint });
    const QueueUrl = Object.values(outputs).find((url) => url.endsWith(`/${wanted.QueueName}`));
    const asked = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] });
    const { Attributes } = await client.send(asked);
    client.destroy();
    expect(Attributes).toMatchObject({
      VisibilityTimeout: String(wanted.VisibilityTimeout),
      MessageRetentionPeriod: String(wanted.MessageRetentionPeriod),
      SqsManagedSseEnabled: String(wanted.SqsManagedSseEnabled),
    });
    expect(redriveOf(Attributes?.RedrivePolicy)).toEqual(
      wanted.RedrivePolicy && {
        queue: names.get(wanted.RedrivePolicy.deadLetterTargetArn['Fn::GetAtt'][0]),
        maxReceiveCount: wanted.RedrivePolicy.maxReceiveCount,
      },
    );
    // HTTPS only.
    expect(Attributes?.Policy).toContain('aws:SecureTransport');
  });
});

function redriveOf(policy: string | undefined) {
  if (policy === undefined) return undefined;
  const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(policy);
  return { queue: deadLetterTargetArn.split(':').at(-1), maxReceiveCount: Number(maxReceiveCount) };
}
