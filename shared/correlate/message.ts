import type { Fact } from './facts.ts';

export type Outcome = Extract<Fact, { kind: 'outcome' }>;

/**
 * One message: the union of what is known about one life of a queue ID (I3: identity is relay, instance, queue ID,
 * life; never the ID alone).
 */
export interface Message {
  readonly relay: string;
  readonly instance: string;
  readonly queueId: string;
  /** Names the life: the time inside a long ID, else of the `client=` or pickup line, else of the first line seen. */
  readonly acceptedAtMicros: number;
  readonly login?: string;
  readonly client?: string;
  readonly sender?: string;
  readonly sizeBytes?: number;
  readonly recipients?: number;
  /** Empty: it was logged as having none. */
  readonly messageIdHash?: string;
  readonly origQueueId?: string;
  /** From pickup after `postsuper -r`: the ID before, on the same instance. */
  readonly origId?: string;
  /** First `queue active`: from then on it is a message for certain. */
  readonly queuedAtMicros?: number;
  readonly heldAtMicros?: number;
  /** By postsuper, or at the message's end: no promise. */
  readonly isHeld: boolean;
  /** It was taken and thrown away at once. */
  readonly discarded: boolean;
  /** smtpd's process. */
  readonly pid?: number;
  /** A check refused it after all. */
  readonly refused: boolean;
  /** Its client was lost in DATA: what was done to it till then were promises. */
  readonly lost: boolean;
  /** First release from hold by postsuper(1): somebody wanted it to go. */
  readonly releasedAtMicros?: number;
  readonly removedAtMicros?: number;
  /** A delivery notice of the relay itself. */
  readonly notice: boolean;
  readonly outcomes: readonly Outcome[];
}

/** A `client=` line alone is no message yet: RSET or a dropped DATA leaves it too. */
export function isMessage(message: Message): boolean {
  const { notice, queuedAtMicros, heldAtMicros, isHeld, outcomes, discarded, lost, refused } = message;
  if (notice) return false;
  if (queuedAtMicros !== undefined || outcomes.length > 0) return true;
  return (heldAtMicros !== undefined || discarded) && !refused && (isHeld || !lost);
}

/** What smtpd took for a before-queue proxy: it has no ID, and is what the message with one was made from. */
export function isProxied({ queueId }: Message): boolean {
  return queueId.startsWith('[');
}
