import { isQueueId } from './queue-id.ts';
import { isAt } from './scan.ts';

const queuedMark = ' queued as ';

/**
 * The ID at the end of a Postfix's own Ok: `250 2.0.0 Ok: queued as ID`, `250 2.0.0 Ok: 1234 bytes queued as ID`
 * after BDAT, also behind a filter's words (`250 2.0.0 from MTA(…): 250 2.0.0 Ok: queued as ID`).
 */
export function queuedId(reply: string): string | undefined {
  if (!isAt(reply, '250 ', 0)) return undefined;
  const from = startOfLastWord(reply);
  const mark = from - queuedMark.length;
  if (mark < 0 || !reply.startsWith(queuedMark, mark)) return undefined;
  const queueId = reply.slice(from);
  return (isAt(reply, 'Ok:', mark - 3) || endsInBytes(reply.slice(0, mark))) && isQueueId(queueId)
    ? queueId
    : undefined;
}

/** Index after the last blank, if it stands where a queue ID can begin; else that of some letter before. */
function startOfLastWord(text: string): number {
  let at = text.length;
  while (at > text.length - longestId && at > 0 && text.charCodeAt(at - 1) !== 32) at -= 1;
  return at;
}

const longestId = 30;

function endsInBytes(said: string): boolean {
  return /Ok: \d{1,15} bytes$/.test(said);
}

const forwardedMark = 'forwarded as ';

/** The ID in `forwarded as ID`, which is all that local(8) writes there (forward.c). */
export function forwardedId(reply: string): string | undefined {
  if (!reply.startsWith(forwardedMark)) return undefined;
  const queueId = reply.slice(forwardedMark.length);
  return isQueueId(queueId) ? queueId : undefined;
}
