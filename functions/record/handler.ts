import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod';
import { isUnstorable } from '../../shared/store/item-limits.ts';
import { type ReportMessage, reportMessage, type SnapshotMessage } from '../../shared/wire/events.ts';
import { type Deps, deadLetter } from '../deps.ts';
import { senderFault } from '../sender.ts';
import { recordHeartbeat } from './heartbeat.ts';
import { recordProofs, recordResult } from './result.ts';

/** What relays report: heartbeats, snapshots, results of orders, proofs. Every write overwrites with the same. */
export const record =
  (deps: Deps) =>
  (event: SQSEvent): Promise<SQSBatchResponse> =>
    processPartialResponse(event, (each: SQSRecord) => recordReport(deps, each), new BatchProcessor(EventType.SQS), {
      throwOnFullBatchFailure: false,
    });

async function recordReport(deps: Deps, sqs: SQSRecord): Promise<void> {
  const decoded = decode(sqs.body);
  if ('fault' in decoded) return deadLetter(deps, decoded.fault, 'reports', sqs.body);
  const fault = await senderFault(deps, sqs, decoded.relay);
  if (fault !== undefined) return deadLetter(deps, fault, 'reports', sqs.body);
  try {
    await keep(deps, decoded, Number(sqs.attributes.SentTimestamp));
  } catch (error) {
    if (!isUnstorable(error)) throw error;
    await deadLetter(deps, error.message, 'reports', sqs.body);
  }
}

function keep(deps: Deps, report: ReportMessage, sentAt: number): Promise<void> {
  switch (report.kind) {
    case 'heartbeat':
      return recordHeartbeat(deps, report, sentAt);
    case 'snapshot':
      return recordSnapshot(deps, report);
    case 'result':
      return recordResult(deps, report);
    case 'proof':
      return recordProofs(deps, report.relay, report.at, report.proofs);
  }
}

/** Of instances that the relay says it has: invented names would fill the table (I11). */
async function recordSnapshot(deps: Deps, report: SnapshotMessage): Promise<void> {
  const status = await deps.relays.status(report.relay);
  if (status?.heartbeat.instances.some(({ name }) => name === report.instance)) return deps.relays.saveSnapshot(report);
  const { relay, instance } = report;
  // Before the first heartbeat nothing is wrong with it; the next snapshot replaces it.
  if (status !== undefined)
    deps.log.warn({ relay, instance }, 'a snapshot of an instance that no heartbeat of the relay names; not kept');
}

function decode(body: string): ReportMessage | { readonly fault: string } {
  try {
    const parsed = reportMessage.safeParse(JSON.parse(body));
    return parsed.success ? parsed.data : { fault: `no report: ${z.prettifyError(parsed.error)}` };
  } catch (error) {
    return { fault: `no report: ${error instanceof Error ? error.message : String(error)}` };
  }
}
