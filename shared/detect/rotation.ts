import { type Detection, type Signal, within } from './window.ts';

/**
 * One login, many envelope senders, near-equal counts: the mark of a machine that rotates forged senders. `evenness`
 * is the entropy of the counts per sender over its maximum: 1 where each sender has as many messages as any other,
 * near 0 where one has nearly all (a person with a few aliases).
 */
export const rotation: Detection = {
  id: 'rotation',
  values: ['senders10m', 'messages10m', 'evenness10m'],
  detect(window, nowMicros): Signal | undefined {
    const messages = within(window, 10, nowMicros);
    const counts = new Map<string, number>();
    for (const { sender } of messages) {
      // The null sender is no rotation: receipts and notices carry it.
      if (sender !== undefined && sender !== '')
        counts.set(sender.toLowerCase(), (counts.get(sender.toLowerCase()) ?? 0) + 1);
    }
    if (counts.size < 2) return undefined;
    const values = {
      senders10m: counts.size,
      messages10m: messages.length,
      evenness10m: evenness([...counts.values()]),
    };
    const top = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, 3);
    const examples = top.map(([sender, count]) => `${sender} ${count}`).join(', ');
    return {
      detection: 'rotation',
      values,
      evidence: `${values.senders10m} envelope senders in ${values.messages10m} messages within 10 minutes (${examples}${counts.size > 3 ? ' …' : ''})`,
    };
  },
};

function evenness(counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const entropy = counts.reduce((sum, count) => sum - (count / total) * Math.log(count / total), 0);
  return Math.round((entropy / Math.log(counts.length)) * 1000) / 1000;
}
