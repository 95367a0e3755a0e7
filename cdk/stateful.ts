import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Item } from '../shared/store/item-table.ts';

/** A function may take this long with a batch at most, and a failed message comes again after it. */
const visibilitySeconds = 30;

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

/**
 * What holds data: the item table and the queues; nothing here goes with the stack. The names are fixed because relays
 * have the queues' URLs in their configuration: where a change would replace a queue or the table by an empty one, a
 * fixed name makes the deployment fail instead. Command queues come with each relay's enrolment.
 */
export class StatefulStack extends Stack {
  readonly #prefix: string;

  /** @param environment part of each name: see environment.ts */
  constructor(scope: Construct, id: string, environment: string, props: StackProps) {
    super(scope, id, { ...props, terminationProtection: true });
    this.#prefix = `holdfast-${environment}`;

    this.#itemTable();
    // Log lines of all relays: order is not needed, and a FIFO queue would cost more.
    this.#queueWithDlq('events', inputRetention);
    // Heartbeats, snapshots, results, proofs.
    this.#queueWithDlq('reports', inputRetention);
    this.#queueWithDlq('dispatch', nudgeRetention);
    // Malformed input with its reason, sent by the functions. Nothing consumes it but a person.
    this.#queue('dead', { retentionPeriod: deadRetention });
  }

  /** The attributes are the item's own members, one to one. */
  #itemTable(): void {
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
  }

  /** A queue that a function consumes. What fails too often goes to `NAME-dead`, from where it can be sent back. */
  #queueWithDlq(name: string, retentionPeriod: Duration): void {
    const queue = this.#queue(`${name}-dead`, { retentionPeriod: deadRetention });
    this.#queue(name, { retentionPeriod, deadLetterQueue: { queue, maxReceiveCount } });
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
