import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoItemTable } from '../../aws/items.ts';

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
  /** Handlers' own work on this machine, ms. */
  cpuMs: number;
}

const nothing: Bill = { sqsRequests: 0, writeUnits: 0, readUnits: 0, calls: 0, cpuMs: 0 };

/** Keeps one bill for each kind of work; what is spent goes to the one that is open. */
export class Meter {
  readonly bills = new Map<string, Bill>();
  #open: Bill = { ...nothing };

  /** Does work on the bill of `kind`. Not for work side by side. */
  async on<T>(kind: string, work: () => Promise<T>): Promise<T> {
    const bill = this.bills.get(kind) ?? { ...nothing };
    this.bills.set(kind, bill);
    this.#open = bill;
    const before = process.cpuUsage();
    try {
      return await work();
    } finally {
      const { user, system } = process.cpuUsage(before);
      bill.cpuMs += (user + system) / 1000;
      this.#open = { ...nothing };
    }
  }

  table(client: DynamoDBClient, name: string, clock: () => number): DynamoItemTable {
    return new DynamoItemTable(client, name, {
      clock,
      onSpent: ({ action, units }) => {
        const isRead = action === 'GetItem' || action === 'Query';
        this.#open[isRead ? 'readUnits' : 'writeUnits'] += units;
        this.#open.calls += 1;
      },
    });
  }

  /** Counts what goes through an SQS client. */
  attach(client: SQSClient): void {
    client.middlewareStack.add(
      (next) => (args) => {
        this.#open.sqsRequests += sqsRequestsOf(Buffer.byteLength(JSON.stringify(args.input)));
        this.#open.calls += 1;
        return next(args);
      },
      { step: 'initialize', name: 'meter' },
    );
  }
}

/** Requests that one payload is billed as. */
export function sqsRequestsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 65_536));
}
