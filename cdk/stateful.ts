import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { IRule } from 'aws-cdk-lib/aws-events';
import type { IManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Item } from '../shared/store/item-table.ts';
import { acknowledge } from './acknowledge.ts';
import { Notices } from './stateful/notices.ts';
import { relayBoundary } from './stateful/relay-boundary.ts';

/** A function may take this long with a batch at most, and a failed message comes again after it. */
export const visibilitySeconds = 30;

/**
 * How long the store may be away before a message counts as undeliverable; twice the five minutes that must be safe.
 * A failed message comes again when its visibility ends, never sooner, and Lambda retries a throttled call within one
 * visibility. So five minutes hold at most 300 / 30 + 1 = 11 receives; SQS moves a message at the receive after
 * `maxReceiveCount`, here the 21st. A message that kills its function reaches the DLQ after ten minutes.
 */
const storeAwaySeconds = 600;
const maxReceiveCount = storeAwaySeconds / visibilitySeconds;

/** The longest SQS allows. A message's age counts from its first send, so a DLQ must keep longer than its queue. */
const deadRetention = Duration.days(14);

/** Parts are kept eight days; whatever is older than that opens nothing any more. */
const inputRetention = Duration.days(8);

/** A nudge only says that the outbox holds something, and each sweep repeats it. */
const nudgeRetention = Duration.hours(1);

export interface StatefulProps extends StackProps {
  /** Who gets findings and alarms by mail. */
  readonly notify?: string;
}

/** A queue that a function consumes, and where its messages go that failed too often. */
export interface Consumed {
  readonly queue: Queue;
  readonly deadLetters: Queue;
}

/**
 * What holds data or is known outside by its name: the item table, the queues, the key that signs orders, the topics,
 * the boundary of relays' rights; nothing of it goes with the stack. The names are fixed because relays have the queues'
 * URLs in their configuration: where a change would replace a queue or the table by an empty one, a fixed name makes the
 * deployment fail instead. Command queues come with each relay's enrolment.
 */
export class StatefulStack extends Stack {
  readonly table: TableV2;
  readonly events: Consumed;
  readonly reports: Consumed;
  readonly dispatch: Consumed;
  /** Malformed input with its reason, sent by the functions. Nothing consumes it but a person. */
  readonly dead: Queue;
  readonly signingKey: Key;
  readonly relayBoundary: IManagedPolicy;
  readonly operationsTopic: ITopic;
  readonly findingsRule: IRule;
  readonly #prefix: string;

  /** @param environment part of each name: see environment.ts */
  constructor(scope: Construct, id: string, environment: string, { notify, ...props }: StatefulProps) {
    super(scope, id, { ...props, terminationProtection: true });
    this.#prefix = `holdfast-${environment}`;

    this.table = this.#itemTable();
    // Log lines of all relays: order is not needed, and a FIFO queue would cost more.
    this.events = this.#queueWithDlq('events', inputRetention);
    // Heartbeats, snapshots, results, proofs.
    this.reports = this.#queueWithDlq('reports', inputRetention);
    this.dispatch = this.#queueWithDlq('dispatch', nudgeRetention);
    this.dead = this.#queue('dead', { retentionPeriod: deadRetention });
    acknowledge(this.dead, 'AwsSolutions-SQS3', 'It is a dead-letter queue itself, of what the functions set aside.');
    this.signingKey = this.#signingKey();

    const queues = { events: this.events.queue, reports: this.reports.queue };
    this.relayBoundary = relayBoundary(this, environment, queues);
    new CfnOutput(this, 'RelayBoundaryArn', { value: this.relayBoundary.managedPolicyArn });

    const told = { environment, prefix: this.#prefix, ...(notify !== undefined && { notify }) };
    const notices = new Notices(this, 'Notices', told);
    this.operationsTopic = notices.operations;
    this.findingsRule = notices.findingsRule;
  }

  /** The attributes are the item's own members, one to one. */
  #itemTable(): TableV2 {
    const table = new TableV2(this, 'Items', {
      tableName: `${this.#prefix}-items`,
      partitionKey: { name: 'pk' satisfies keyof Item, type: AttributeType.STRING },
      sortKey: { name: 'sk' satisfies keyof Item, type: AttributeType.STRING },
      timeToLiveAttribute: 'expiresAtSeconds' satisfies keyof Item,
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: TableEncryptionV2.awsManagedKey(),
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    new CfnOutput(this, 'ItemsTableName', { value: table.tableName });
    return table;
  }

  /**
   * Signs orders (ES256); relays have its public half in exec.yaml, so another key would make each of them deaf until it
   * is enrolled anew.
   */
  #signingKey(): Key {
    const key = new Key(this, 'SigningKey', {
      alias: this.#prefix,
      description: `Signs the orders that ${this.#prefix} gives its relays`,
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      pendingWindow: Duration.days(30),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    new CfnOutput(this, 'SigningKeyArn', { value: key.keyArn });
    return key;
  }

  /** A queue that a function consumes. What fails too often goes to `NAME-dead`, from where it can be sent back. */
  #queueWithDlq(name: string, retentionPeriod: Duration): Consumed {
    const deadLetters = this.#queue(`${name}-dead`, { retentionPeriod: deadRetention });
    const queue = this.#queue(name, { retentionPeriod, deadLetterQueue: { queue: deadLetters, maxReceiveCount } });
    return { queue, deadLetters };
  }

  #queue(name: string, props: QueueProps): Queue {
    const id = name.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const queue = new Queue(this, id, {
      queueName: `${this.#prefix}-${name}`,
      visibilityTimeout: Duration.seconds(visibilitySeconds),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      removalPolicy: RemovalPolicy.RETAIN,
      ...props,
    });
    new CfnOutput(this, `${id}QueueUrl`, { value: queue.queueUrl });
    return queue;
  }
}
