import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { type Deps, deadLetter } from '../deps.ts';
import { senderFault } from '../sender.ts';
import { decode } from './decode.ts';
import { detectIn } from './detect.ts';
import { partOf } from './part.ts';

/**
 * Lines of a relay become facts, and facts may become a finding. A message that fails is retried by the queue; one that
 * can never succeed is set aside with its reason, and counts as done.
 */
export const ingest =
  (deps: Deps) =>
  (event: SQSEvent): Promise<SQSBatchResponse> =>
    processPartialResponse(
      event,
      (record: SQSRecord) => ingestRecord(deps, record),
      new BatchProcessor(EventType.SQS),
      {
        throwOnFullBatchFailure: false,
      },
    );

async function ingestRecord(deps: Deps, record: SQSRecord): Promise<void> {
  const decoded = decode(record.body);
  if ('fault' in decoded) return deadLetter(deps, decoded.fault, 'events', record.body);
  const fault = await senderFault(deps, record, decoded.message.relay);
  if (fault !== undefined) return deadLetter(deps, fault, 'events', record.body);

  const sentAt = Number(record.attributes.SentTimestamp);
  const { part, malformed } = await partOf(deps, decoded, sentAt);
  await deps.parts.put(part, sentAt, decoded.bodyHash);
  if (malformed.length > 0) {
    const reasons = malformed.map(({ reason, line }) => `${reason}: ${line}`).join('\n');
    await deadLetter(deps, `${malformed.length} malformed lines of relay ${part.relay}`, 'events', reasons);
  }
  await detectIn(deps, part, sentAt);
}
