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
      /** smtpd's process: it serves one transaction after the other. */
      readonly pid?: number;
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
  /**
   * `promised`: before the end of the message, at an SMTP command or by a check of its content. The client may still leave
   * none; after a command it has left one only where cleanup tells its message-id.
   */
  | { readonly kind: 'held'; readonly atMicros: number; readonly promised?: 'command' | 'content' }
  /** A check of the whole message refused it, whatever was promised before. */
  | { readonly kind: 'refused'; readonly atMicros: number }
  | { readonly kind: 'released' | 'removed' | 'purged' | 'requeued'; readonly atMicros: number }
  /** Taken from the client and thrown away: a message that was over at once. */
  | { readonly kind: 'discarded'; readonly atMicros: number }
  /** This ID is a delivery notice made by the relay, no mail of the account. */
  | { readonly kind: 'notice'; readonly atMicros: number }
  /** Of a process: behind a before-queue proxy its transaction has no ID. */
  | { readonly kind: 'proxied'; readonly atMicros: number; readonly client: string; readonly login?: string }
  /** Of a process: the proxy put its message back in, under this ID. `login` is a claim, good to choose by. */
  | { readonly kind: 'proxyAnswered'; readonly atMicros: number; readonly queueId: string; readonly login?: string }
  /** Of a process: its transaction ended in DATA, and left no message. */
  | { readonly kind: 'lost'; readonly atMicros: number };

/** Where facts about a process stand among those about queue IDs: no ID looks like that. */
export function processName(pid: number): string {
  return `[${pid}]`;
}

/** Facts of one queue ID on one instance, or of one of its processes. */
export interface Trace {
  readonly instance: string;
  /** Or `processName`. */
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

/** Which bytes of a relay's log file a batch of lines stands for: `from` of its first line to the byte after its last. */
export interface LogRange {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

/** What one batch of lines of one relay says. */
export interface Part {
  readonly relay: string;
  /** Empty where the source has no offsets (journald). Absent in parts of before. */
  readonly range?: LogRange;
  readonly counts: LineCounts;
  readonly traces: readonly Trace[];
}
