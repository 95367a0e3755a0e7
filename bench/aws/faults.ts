import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ProvisionedThroughputExceededException } from '@aws-sdk/client-dynamodb';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';

/**
 * What goes wrong between SQS, Lambda and DynamoDB, done on purpose.
 */
export interface FaultPlan {
  readonly random: () => number;
  /** After each so manieth batch of a queue some records of it and of earlier ones are delivered once more. */
  readonly duplicateEvery: number;
  /** At each so manieth batch the function is killed after its work, before its messages are deleted. */
  readonly killEvery: number;
  /** Share of DynamoDB calls that are refused as throttled. */
  readonly throttled: number;
  /** True while DynamoDB cannot be reached. */
  readonly isStoreAway: () => boolean;
}

export interface FaultCounts {
  duplicates: number;
  killed: number;
  throttled: number;
  away: number;
}

type Handler = (event: SQSEvent) => Promise<SQSBatchResponse>;

const rememberedRecords = 200;

export class Faults {
  readonly counts: FaultCounts = { duplicates: 0, killed: 0, throttled: 0, away: 0 };
  readonly #plan: FaultPlan;

  constructor(plan: FaultPlan) {
    this.#plan = plan;
  }

  /** A handler whose batches come shuffled, with copies of older records among them, and whose ends are not all told. */
  around(handler: Handler): Handler {
    const seen: SQSRecord[] = [];
    let batches = 0;
    return async (event) => {
      const { random, duplicateEvery, killEvery } = this.#plan;
      batches += 1;
      const Records = [...event.Records].sort(() => random() - 0.5);
      const answer = await handler({ Records });
      seen.push(...Records);
      if (seen.length > rememberedRecords) seen.splice(0, seen.length - rememberedRecords);
      if (batches % duplicateEvery === 0) {
        const again = [...seen].sort(() => random() - 0.5).slice(0, 10);
        this.counts.duplicates += again.length;
        await handler({ Records: again });
      }
      if (batches % killEvery === 0) {
        this.counts.killed += 1;
        throw new Error('killed between write and delete');
      }
      return answer;
    };
  }

  /** Below the SDK's own repetition, where the network is: what it repeats is repeated for real. */
  disturb(client: DynamoDBClient): void {
    client.middlewareStack.add(
      (next) => async (args) => {
        if (this.#plan.isStoreAway()) {
          this.counts.away += 1;
          throw Object.assign(new Error('connect ECONNREFUSED'), { name: 'ECONNREFUSED', code: 'ECONNREFUSED' });
        }
        if (this.#plan.random() < this.#plan.throttled) {
          this.counts.throttled += 1;
          const message = 'The level of configured provisioned throughput for the table was exceeded.';
          throw new ProvisionedThroughputExceededException({ message, $metadata: { httpStatusCode: 400 } });
        }
        return next(args);
      },
      { step: 'deserialize', priority: 'low', name: 'faults' },
    );
  }
}
