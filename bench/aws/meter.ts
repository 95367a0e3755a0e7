import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SQSClient } from '@aws-sdk/client-sqs';

/** What the platform bills, as its clients see it. */
export interface Bill {
  /** SQS requests: 64 KB of a payload each (SQS pricing). */
  sqsRequests: number;
  /** Of 1 KB written, in a transaction twice (DynamoDB developer guide, "Read and write operations"). */
  writeUnits: number;
  /** Of 4 KB read, strongly consistent. */
  readUnits: number;
  /** Calls of both services: each is a wait of its function. */
  calls: number;
}

/** What DynamoDB bills a write and a read with, as it says itself. */
interface Capacity {
  readonly CapacityUnits?: number;
  readonly WriteCapacityUnits?: number;
}

export class Meter {
  readonly bill: Bill = { sqsRequests: 0, writeUnits: 0, readUnits: 0, calls: 0 };

  /** Asks DynamoDB for the units of each call, and counts them. */
  onDynamo(client: DynamoDBClient): DynamoDBClient {
    client.middlewareStack.add(
      (next, context) => async (args) => {
        Object.assign(args.input, { ReturnConsumedCapacity: 'TOTAL' });
        const result = await next(args);
        const output: object = result.output;
        const consumed = 'ConsumedCapacity' in output ? output.ConsumedCapacity : undefined;
        const isRead = /^(Get|Query)/.test(String(context['commandName']));
        for (const each of [consumed].flat() as (Capacity | undefined)[]) {
          this.bill[isRead ? 'readUnits' : 'writeUnits'] += each?.CapacityUnits ?? 0;
        }
        this.bill.calls += 1;
        return result;
      },
      { step: 'initialize', name: 'meter' },
    );
    return client;
  }

  onSqs(client: SQSClient): SQSClient {
    client.middlewareStack.add(
      (next) => async (args) => {
        this.bill.sqsRequests += sqsRequestsOf(Buffer.byteLength(JSON.stringify(args.input)));
        this.bill.calls += 1;
        return next(args);
      },
      { step: 'initialize', name: 'meter' },
    );
    return client;
  }
}

/** Requests that one payload is billed as. */
export function sqsRequestsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 65_536));
}
