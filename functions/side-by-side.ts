/** Relays worked on at once: enough for a fleet of a thousand in seconds, few enough for one process. */
const parallelRelays = 32;

/** Does `work` for each item, some at a time. Rejects with the first failure, once those beside it are done. */
export async function sideBySide<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < items.length; from += parallelRelays) {
    const beside = items.slice(from, from + parallelRelays).map((item, at) => work(item, from + at));
    const failed = (await Promise.allSettled(beside)).find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}
