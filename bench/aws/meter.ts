import type { SQSClient } from '@aws-sdk/client-sqs';
import type { MeteredTable } from './metered-table.ts';

/** What the platform bills, as its clients see it. */
export interface Bill {
  /** SQS requests: 64 KB of a payload each (SQS pricing). */
  sqsRequests: number;
  writeUnits: number;
  readUnits: number;
  /** Calls of both services: each is a wait of its function. */
  calls: number;
  /** Handlers' own work on this machine, ms. */
  cpuMs: number;
}

/** Keeps one bill for each kind of work. Not for work side by side. */
export class Meter {
  readonly bills = new Map<string, Bill>();
  readonly #table: MeteredTable;
  #sqs = { requests: 0, calls: 0 };

  constructor(table: MeteredTable) {
    this.#table = table;
  }

  async on<T>(kind: string, work: () => Promise<T>): Promise<T> {
    const bill = this.bills.get(kind) ?? { sqsRequests: 0, writeUnits: 0, readUnits: 0, calls: 0, cpuMs: 0 };
    this.bills.set(kind, bill);
    this.#table.take();
    this.#sqs = { requests: 0, calls: 0 };
    const before = process.cpuUsage();
    try {
      return await work();
    } finally {
      const { user, system } = process.cpuUsage(before);
      const { calls, reads, writes } = this.#table.take();
      bill.cpuMs += (user + system) / 1000;
      bill.readUnits += reads;
      bill.writeUnits += writes;
      bill.sqsRequests += this.#sqs.requests;
      bill.calls += calls + this.#sqs.calls;
    }
  }

  /** Counts what goes through an SQS client. */
  attach(client: SQSClient): void {
    client.middlewareStack.add(
      (next) => (args) => {
        this.#sqs.requests += sqsRequestsOf(Buffer.byteLength(JSON.stringify(args.input)));
        this.#sqs.calls += 1;
        return next(args);
      },
      { step: 'initialize', name: 'meter' },
    );
  }
}

/** Requests that one payload is billed as. */
function sqsRequestsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 65_536));
}
