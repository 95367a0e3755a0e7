import type { QueueStore } from './queues.ts';

export const queueNames = {
  /** Log lines of all relays. */
  events: 'holdfast-events',
  /** Heartbeats, snapshots, results, proofs. */
  reports: 'holdfast-reports',
  /** Nudges: the outbox has something. */
  dispatch: 'holdfast-dispatch',
  /** Input that can never be processed, with its reason, and what failed too often. */
  dead: 'holdfast-dead',
} as const;

/** Queue names take no dots, relay names no underscores: one stands for the other. */
export function commandQueueName(relay: string): string {
  return `holdfast-${relay.replaceAll('.', '_')}.fifo`;
}

/**
 * The hub's own queues. A handler may take as long as the visibility; twenty receives at thirty seconds are ten minutes
 * of a broken store before anything counts as dead.
 */
export function createHubQueues(queues: QueueStore): void {
  queues.createQueue(queueNames.dead, { retentionSeconds: 14 * 86_400 });
  const deadLetter = { queue: queueNames.dead, maxReceiveCount: 20 };
  queues.createQueue(queueNames.events, { visibilitySeconds: 30, deadLetter });
  queues.createQueue(queueNames.reports, { visibilitySeconds: 30, deadLetter });
  queues.createQueue(queueNames.dispatch, { visibilitySeconds: 30, retentionSeconds: 3600 });
}
