import { ignored, ok } from './grammar.ts';
import { isQueueId } from './queue-id.ts';
import type { Head, Parsed } from './record.ts';
import { isAt } from './scan.ts';

const requeueMark = 'Requeue: ';
const toMark = ' to ';

/**
 * MailScanner takes held messages out of the queue and puts what it made of them back under a new ID: `Requeue:
 * 6773D15E4E9.A3F46 to A1B2C15E4EA`, short and long IDs alike (PFDiskStore.pm). The suffix after the dot is its own; a
 * line without one is read too. All of the line is MailScanner's; what else it logs is ignored.
 */
export function parseMailScanner(line: string, at: number, head: Head): Parsed {
  if (!isAt(line, requeueMark, at)) return ignored('mailscanner');
  const from = at + requeueMark.length;
  const mark = line.indexOf(toMark, from);
  if (mark < 0) return ignored('mailscanner');
  const [, origId] = /^([A-Za-z\d]{6,26})(?:\.[A-Za-z\d]{1,10})?$/.exec(line.slice(from, mark)) ?? [];
  const queueId = line.slice(mark + toMark.length);
  if (origId === undefined || !isQueueId(origId) || !isQueueId(queueId)) return ignored('mailscanner');
  return ok({ ...head, kind: 'scannerRequeue', queueId, origId });
}
