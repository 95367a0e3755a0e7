import { CreateQueueCommand, QueueDeletedRecently, type SQSClient } from '@aws-sdk/client-sqs';
import { HTTPException } from 'hono/http-exception';
import type { Access, Enrolment } from '../functions/api/enrol.ts';
import type { RelayIdentities } from './identities.ts';
import { commandQueueName, relayResourceName } from './relay-names.ts';
import { relayPolicy } from './relay-policy.ts';
import type { Settings } from './settings.ts';

interface Parts {
  readonly settings: Settings;
  readonly sqs: SQSClient;
  readonly identities: RelayIdentities;
  /** False for an endpoint whose SenderId names nobody. */
  readonly namesSenders: boolean;
  readonly hubKeys: () => Promise<Readonly<Record<string, string>>>;
}

/** A desired state is valid so long; older orders are refused anyway. */
const commandRetentionSeconds = 7 * 86_400;

/** Enrolment on AWS: a FIFO queue, and an IAM user with a key or a role that the relay assumes. */
export function awsEnrolment({ settings, sqs, identities, namesSenders, hubKeys }: Parts): Enrolment {
  const nameOf = (relay: string): string => relayResourceName(settings.HOLDFAST_ENVIRONMENT, relay);
  return {
    hubKeys,
    create: async (relay, role): Promise<Access> => {
      const commands = await createCommandQueue(sqs, commandQueueName(settings.HOLDFAST_ENVIRONMENT, relay), settings);
      const queues = { events: settings.HOLDFAST_EVENTS_QUEUE, reports: settings.HOLDFAST_REPORTS_QUEUE, commands };
      const policy = relayPolicy({
        events: queueArn(queues.events, settings),
        reports: queueArn(queues.reports, settings),
        commands: queueArn(queues.commands, settings),
      });
      const name = nameOf(relay);
      const identity =
        role === undefined
          ? { senderId: await identities.createUser(name, policy), key: await identities.createKey(name) }
          : { senderId: await identities.permitRole(role, name, policy) };
      const { senderId, ...key } = identity;
      return {
        ...(settings.AWS_ENDPOINT_URL !== undefined && { endpoint: settings.AWS_ENDPOINT_URL }),
        region: settings.AWS_REGION,
        ...key,
        queues,
        ...(namesSenders && { senderId }),
      };
    },
    rotate: (relay) => identities.createKey(nameOf(relay)),
    retireOldKeys: (relay) => identities.deleteOldKeys(nameOf(relay)),
    remove: (relay, role) =>
      role === undefined ? identities.deleteUser(nameOf(relay)) : identities.forbidRole(role, nameOf(relay)),
  };
}

/**
 * No dead-letter queue: a relay that cannot take an order yet (its disk is full) receives it as often as it has to, and
 * an order ends by its own `notAfter`.
 */
async function createCommandQueue(sqs: SQSClient, QueueName: string, settings: Settings): Promise<string> {
  const Attributes = {
    FifoQueue: 'true',
    DeduplicationScope: 'messageGroup',
    FifoThroughputLimit: 'perMessageGroupId',
    VisibilityTimeout: '30',
    MessageRetentionPeriod: String(commandRetentionSeconds),
    SqsManagedSseEnabled: 'true',
    Policy: JSON.stringify(onlyByTls(QueueName, settings)),
  };
  const tags = { application: 'holdfast', environment: settings.HOLDFAST_ENVIRONMENT };
  try {
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes, tags }));
    if (QueueUrl === undefined) throw new Error(`SQS made queue ${QueueName} and gave no URL`);
    return QueueUrl;
  } catch (error) {
    if (!(error instanceof QueueDeletedRecently)) throw error;
    throw new HTTPException(409, { message: `queue ${QueueName} was deleted just now: try again in a minute` });
  }
}

/** As the stack's own queues have it. */
function onlyByTls(queueName: string, settings: Settings) {
  const account = new URL(settings.HOLDFAST_EVENTS_QUEUE).pathname.split('/')[1];
  const Resource = queueArn(`https://sqs/${account}/${queueName}`, settings);
  const Condition = { Bool: { 'aws:SecureTransport': 'false' } };
  const Statement = [{ Effect: 'Deny', Principal: { AWS: '*' }, Action: 'sqs:*', Resource, Condition }];
  return { Version: '2012-10-17', Statement };
}

/** `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME` → `arn:aws:sqs:REGION:ACCOUNT:NAME` */
function queueArn(url: string, { AWS_REGION: region }: Settings): string {
  const [, account, name] = new URL(url).pathname.split('/');
  const partition = region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
  return `arn:${partition}:sqs:${region}:${account}:${name}`;
}
