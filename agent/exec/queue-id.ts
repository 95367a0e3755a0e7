/**
 * What a queue ID itself says. Short: five hex digits of microseconds, then the inode in hex. Long
 * (`enable_long_queue_ids`): seconds (6 or more digits) and microseconds (4 digits) in base 52, `z`, the inode in
 * base 51 (Postfix's mail_queue.h).
 */
const digits52 = '0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz';
const longId = /^[0-9A-Za-z]{6,}([0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{4})z[0-9A-Za-y]+$/;
const shortId = /^[0-9A-F]{6,}$/;

/**
 * The grammar that every ID must pass before it becomes a path or a line of postsuper's stdin. It admits no option,
 * no path, no line end, and not `ALL`, which postsuper takes for every message there is.
 */
export function isQueueId(text: string): boolean {
  return /^[0-9A-Za-z]{6,32}$/.test(text);
}

/** The microseconds within the second of the file's creation; undefined where the ID holds none. */
export function microsWithinSecond(queueId: string): number | undefined {
  const long = longId.exec(queueId)?.[1];
  const micros =
    long !== undefined
      ? [...long].reduce((sum, digit) => sum * 52 + digits52.indexOf(digit), 0)
      : shortId.test(queueId)
        ? Number.parseInt(queueId.slice(0, 5), 16)
        : undefined;
  return micros !== undefined && micros < 1_000_000 ? micros : undefined;
}

/**
 * Subdirectory of a hashed queue (`hash_queue_names`), with its trailing slash: one level per leading character of
 * a short ID, or of a long ID's microseconds as five hex digits, so it is no prefix of a long ID.
 */
export function hashDirectory(queueId: string, depth: number): string {
  const micros = longId.test(queueId) ? microsWithinSecond(queueId) : undefined;
  const text = micros === undefined ? queueId : micros.toString(16).toUpperCase().padStart(5, '0');
  let path = '';
  for (let level = 0; level < depth; level++) path += `${text[level] ?? '_'}/`;
  return path;
}
