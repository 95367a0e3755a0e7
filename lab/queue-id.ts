/** Queue IDs as Postfix makes them (mail_queue.h): time of acceptance plus the queue file's inode. */

/** No vowels, so that no ID is a word. */
const alphabet = '0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz';

/** `enable_long_queue_ids`: seconds (6 digits, base 52), microseconds (4), `z`, inode (base 51, hence without z). */
export function longQueueId(atMicros: number, inode: number): string {
  const seconds = Math.floor(atMicros / 1e6);
  return `${digits(seconds, 52, 6)}${digits(atMicros % 1e6, 52, 4)}z${digits(inode, 51, 0)}`;
}

/** Five hex digits of microseconds, then the inode: repeats as soon as both do. */
export function shortQueueId(atMicros: number, inode: number): string {
  const micros = (atMicros % 1e6).toString(16).toUpperCase().padStart(5, '0');
  return `${micros}${inode.toString(16).toUpperCase()}`;
}

function digits(value: number, base: number, width: number): string {
  let text = '';
  for (let rest = value; rest > 0; rest = Math.floor(rest / base)) text = alphabet.charAt(rest % base) + text;
  return text.padStart(width, '0');
}
