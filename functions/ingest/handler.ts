import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { LineCounts } from '../../shared/correlate/facts.ts';
import { isUnstorable } from '../../shared/store/item-limits.ts';
import { type Deps, deadLetter } from '../deps.ts';
import { senderFault } from '../sender.ts';
import { Containments } from './containments.ts';
import { decode } from './decode.ts';
import { detectIn } from './detect.ts';
import { partOf } from './part.ts';

/**
 * Lines of a relay become facts, and facts may become a finding. A message that fails is retried by the queue; one that
 * can never succeed is set aside with its reason, and counts as done.
 */
export const ingest =
  (deps: Deps) =>
  (event: SQSEvent): Promise<SQSBatchResponse> => {
    const containments = new Containments(deps);
    return processPartialResponse(
      event,
      (record: SQSRecord) => ingestRecord(deps, record, containments),
      new BatchProcessor(EventType.SQS),
      { throwOnFullBatchFailure: false },
    );
  };

async function ingestRecord(deps: Deps, record: SQSRecord, containments: Containments): Promise<void> {
  const decoded = decode(record.body);
  if ('fault' in decoded) return deadLetter(deps, decoded.fault, 'events', record.body);
  const fault = await senderFault(deps, record, decoded.message.relay);
  if (fault !== undefined) return deadLetter(deps, fault, 'events', record.body);

  const sentAt = Number(record.attributes.SentTimestamp);
  const { part, malformed } = await partOf(deps, decoded, sentAt);
  try {
    await deps.parts.put(part, sentAt, decoded.bodyHash);
  } catch (error) {
    if (!isUnstorable(error)) throw error;
    return deadLetter(deps, error.message, 'events', record.body);
  }
  countLines(deps, part.counts);
  if (malformed.length > 0) {
    const reasons = malformed.map(({ reason, line }) => `${reason}: ${line}`).join('\n');
    await deadLetter(deps, `${malformed.length} malformed lines of relay ${part.relay}`, 'events', reasons);
  }
  await detectIn(deps, part, sentAt, containments);
}

/** Work done, as the platform saw it: a batch that comes again is counted again, only its facts are not (I2). */
function countLines(deps: Deps, { parsed, malformed, ignored, tooLate }: LineCounts): void {
  deps.count('linesParsed', parsed);
  deps.count(
    'linesIgnored',
    Object.values(ignored).reduce((sum, count) => sum + count, 0),
  );
  if (malformed > 0) deps.count('linesMalformed', malformed);
  if (tooLate > 0) deps.count('linesTooLate', tooLate);
}
