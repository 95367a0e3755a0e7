import type { DeliveryStatus } from '../parse/record.ts';
import type { ReplyClass } from '../parse/reply.ts';

/**
 * Facts are what parsing leaves behind for everything central: small, immutable, each about one queue ID on one
 * instance at one time. Ingest only ever appends facts; whatever is counted is counted from their union, so that
 * order, repetition and packing do not matter (I2).
 */
export type Fact =
  /** A message began to exist: smtpd's `client=` record. Only it can name an account (I1). */
  | {
      readonly kind: 'accepted';
      readonly atMicros: number;
      readonly client: string;
      readonly login?: string;
      /** The ID on the sending host, told by XFORWARD: a claim, proven or dropped by links. */
      readonly origQueueId?: string;
    }
  /** pickup took it in: a local submission, or `postsuper -r` giving an old message a new ID. */
  | { readonly kind: 'picked'; readonly atMicros: number; readonly sender: string; readonly origId?: string }
  /** Keyed hash of the message-id: equal where two records show the same one, and nothing else. Empty: it had none. */
  | { readonly kind: 'messageId'; readonly atMicros: number; readonly hash: string }
  | {
      readonly kind: 'queued';
      readonly atMicros: number;
      readonly sender: string;
      readonly sizeBytes: number;
      readonly recipients: number;
    }
  | {
      readonly kind: 'outcome';
      readonly atMicros: number;
      /** Keyed hash of the recipient. */
      readonly recipient: string;
      readonly status: DeliveryStatus;
      readonly reply: ReplyClass;
      readonly remote?: string;
      /** The remote said `queued as ID`, and its bracketed address. */
      readonly child?: { readonly address: string; readonly queueId: string };
    }
  | { readonly kind: 'held' | 'released' | 'removed' | 'purged' | 'requeued'; readonly atMicros: number }
  /** This ID is a delivery notice made by the relay, no mail of the account. */
  | { readonly kind: 'notice'; readonly atMicros: number };

/** Facts of one queue ID on one instance. */
export interface Trace {
  readonly instance: string;
  readonly queueId: string;
  readonly facts: readonly Fact[];
}

/** How one batch of lines was read (I8). */
export interface LineCounts {
  readonly parsed: number;
  readonly malformed: number;
  /** By kind. */
  readonly ignored: Readonly<Record<string, number>>;
  readonly tooLate: number;
}

/** What one batch of lines of one relay says. */
export interface Part {
  readonly relay: string;
  readonly counts: LineCounts;
  readonly traces: readonly Trace[];
}
