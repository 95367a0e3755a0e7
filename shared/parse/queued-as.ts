import { isQueueId } from './queue-id.ts';

const queuedMark = ' queued as ';

/**
 * The ID at the end of a Postfix's own Ok: `250 2.0.0 Ok: queued as ID`, `250 2.0.0 Ok: 1234 bytes queued as ID`
 * after BDAT, also behind a filter's words (`250 2.0.0 from MTA(…): 250 2.0.0 Ok: queued as ID`).
 */
export function queuedId(reply: string): string | undefined {
  const mark = reply.lastIndexOf(queuedMark);
  if (mark < 0 || !reply.startsWith('250 ')) return undefined;
  const said = reply.slice(0, mark);
  const queueId = reply.slice(mark + queuedMark.length);
  return /Ok:(?: \d{1,15} bytes)?$/.test(said) && isQueueId(queueId) ? queueId : undefined;
}

const forwardedMark = 'forwarded as ';

/** The ID in `forwarded as ID`, which is all that local(8) writes there (forward.c). */
export function forwardedId(reply: string): string | undefined {
  if (!reply.startsWith(forwardedMark)) return undefined;
  const queueId = reply.slice(forwardedMark.length);
  return isQueueId(queueId) ? queueId : undefined;
}
