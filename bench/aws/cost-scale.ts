import { prices } from './prices.ts';
import type { Counted, Sample } from './simulated-day.ts';

/** One line of a bill. */
export interface Line {
  readonly what: string;
  readonly amount: string;
  readonly cost: number;
}

export interface Account {
  readonly lines: readonly Line[];
  readonly mails: number;
  /** Log lines as they stand in the relays' files. */
  readonly rawGb: number;
}

/** The scale of docs/store.md. */
const scale = { relays: 1000, mailsPerDay: 50e6, secondsPerPack: 10, heartbeatSeconds: 60, pollSeconds: 20 };
const daySeconds = 86_400;
const stormScale = { mails: 1e6, relays: 200, hours: 8 };

/**
 * A call of DynamoDB or SQS from a Lambda in the same region takes some milliseconds; the functions' own work is what it
 * took here. So a function's time is measured work plus its calls' waits, one after the other.
 */
const msPerCall = 5;
/** As cdk/functions.ts gives them. */
const memoryGb = { ingest: 1, schedule: 1, record: 0.5 };

export function normalDay(sample: Sample): Account {
  const packs = (scale.relays * daySeconds) / scale.secondsPerPack;
  const beats = (scale.relays * daySeconds) / scale.heartbeatSeconds;
  const sweeps = daySeconds / 10;
  const fleet = scale.relays / sample.relays;
  const lines = [
    requests('SQS: packs sent', packs),
    requests('SQS: packs received and deleted by tens', (2 * packs) / 10),
    requests('SQS: heartbeats sent, received, deleted', beats * 1.2),
    requests('SQS: command queues polled', (scale.relays * daySeconds) / scale.pollSeconds, prices.sqsFifoRequest),
    writes('DynamoDB: parts', per(sample.batches, 'writeUnits') * (packs / 10)),
    reads('DynamoDB: ingest reads', per(sample.batches, 'readUnits') * (packs / 10)),
    reads('DynamoDB: sweep reads', per(sample.sweeps, 'readUnits') * sweeps * fleet),
    writes('DynamoDB: sweep writes', per(sample.sweeps, 'writeUnits') * sweeps * fleet),
    writes('DynamoDB: heartbeats', (per(sample.heartbeats, 'writeUnits') / sample.relays) * beats),
    reads('DynamoDB: heartbeats', (per(sample.heartbeats, 'readUnits') / sample.relays) * beats),
    reads('DynamoDB: silent relays', per(sample.minutes, 'readUnits') * (daySeconds / 60) * fleet),
    lambda('Lambda: ingest', packs / 10, msOf(sample.batches), memoryGb.ingest),
    lambda('Lambda: record', beats / 10, (msOf(sample.heartbeats) / sample.relays) * 10, memoryGb.record),
    // It waits between its sweeps, and that is billed too.
    lambda('Lambda: schedule, all day', daySeconds / 60, 60_000, memoryGb.schedule),
  ];
  const rawGb = ((sample.rawBytes / sample.mails) * scale.mailsPerDay) / 1e9;
  return { lines, mails: scale.mailsPerDay, rawGb };
}

/** What the storm adds: its relays ship their packs anyway, only larger ones. */
export function storm(sample: Sample): Account {
  const seconds = stormScale.hours * 3600;
  const batches = (stormScale.relays * seconds) / scale.secondsPerPack / 10;
  const sweeps = seconds / 10;
  // A sweep reads the account's own items, whatever the fleet; of relays' proofs 4 KB, some twelve of them, are a unit.
  const proofUnits = stormScale.relays / 12;
  const more = (storm: Counted, normal: Counted, key: 'writeUnits' | 'readUnits'): number =>
    Math.max(0, per(storm, key) - per(normal, key));
  const { containing, stormBatches, stormSweeps } = sample;
  const lines = [
    writes('DynamoDB: larger parts', more(stormBatches, sample.batches, 'writeUnits') * batches),
    reads('DynamoDB: ingest reads', more(stormBatches, sample.batches, 'readUnits') * batches),
    reads('DynamoDB: sweep reads', (more(stormSweeps, sample.sweeps, 'readUnits') + proofUnits) * sweeps),
    writes('DynamoDB: sweep writes', more(stormSweeps, sample.sweeps, 'writeUnits') * sweeps),
    writes('finding, containment, orders to a thousand relays', containing.writeUnits * (scale.relays / sample.relays)),
    requests('SQS: orders', 3 * 2 * scale.relays, prices.sqsFifoRequest),
    { what: 'KMS: signatures', amount: `${2 * scale.relays}`, cost: 2 * scale.relays * prices.kmsSignature },
    lambda('Lambda: ingest', batches, Math.max(0, msOf(stormBatches) - msOf(sample.batches)), memoryGb.ingest),
  ];
  // client=, message-id, qmgr from: three lines of a mail that is held.
  return { lines, mails: stormScale.mails, rawGb: (stormScale.mails * 3 * 150) / 1e9 };
}

export function dollars(cost: number): string {
  return `$${cost.toFixed(3)}`.padStart(10);
}

function per(counted: Counted, key: 'writeUnits' | 'readUnits' | 'calls' | 'cpuMs'): number {
  return counted[key] / counted.count;
}

function msOf(counted: Counted): number {
  return per(counted, 'cpuMs') + per(counted, 'calls') * msPerCall;
}

function requests(what: string, count: number, price: number = prices.sqsStandardRequest): Line {
  return { what, amount: `${(count / 1e6).toFixed(2)} M requests`, cost: count * price };
}

function writes(what: string, units: number): Line {
  return { what, amount: `${(units / 1e6).toFixed(2)} M units`, cost: units * prices.dynamoWriteUnit };
}

function reads(what: string, units: number): Line {
  return { what, amount: `${(units / 1e6).toFixed(2)} M units`, cost: units * prices.dynamoReadUnit };
}

function lambda(what: string, calls: number, ms: number, gb: number): Line {
  const cost = calls * ((ms / 1000) * gb * prices.lambdaGbSecond + prices.lambdaInvocation);
  return { what, amount: `${(calls / 1e6).toFixed(2)} M × ${ms.toFixed(0)} ms`, cost };
}
