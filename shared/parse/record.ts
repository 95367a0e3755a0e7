/**
 * What one maillog line says, by kind: the closed union between parsing and everything after it. Times are
 * microseconds since the epoch (a safe integer until 2255). Texts are verbatim; whether a stranger could have
 * chosen them is said where it matters (I1).
 */
export interface Head {
  /** Time of the line; whole seconds where the log has no fraction. */
  readonly atMicros: number;
  /** The line's host field. */
  readonly host: string;
  /** `syslog_name`: what stands before the service in the tag. `postfix/submission/smtpd` is instance `postfix`. */
  readonly instance: string;
  /** The program's last component: `smtpd`, `qmgr`, `smtp` … */
  readonly program: string;
  /** 0 where the tag names no process. */
  readonly pid: number;
}

/** `smtpd: QID: client=…`: the first accepted RCPT of a transaction. The only record that can name an account. */
export interface Acceptance extends Head {
  readonly kind: 'acceptance';
  readonly queueId: string;
  readonly clientName: string;
  readonly client: string;
  readonly clientPort?: number;
  readonly saslMethod?: string;
  /** Absent without a login; an empty login is absent too (nobody). */
  readonly login?: string;
  /** The AUTH= parameter of MAIL FROM: chosen by a stranger. */
  readonly saslSender?: string;
  /** From XFORWARD: the ID on the sending host. */
  readonly origQueueId?: string;
}

/**
 * `smtpd: NOQUEUE: client=…`: the same behind a before-queue proxy (smtpd_proxy_filter). It names the account and has no
 * ID: the next ProxyReply of this process says under which ID the proxy handed the message back.
 */
export interface ProxyAcceptance extends Head {
  readonly kind: 'proxyAcceptance';
  readonly clientName: string;
  readonly client: string;
  readonly clientPort?: number;
  readonly saslMethod?: string;
  /** Absent without a login. */
  readonly login?: string;
  readonly saslSender?: string;
  readonly origQueueId?: string;
}

/** `smtpd: proxy-accept: END-OF-MESSAGE: REPLY; from=…`: what the proxy answered to this process's transaction. */
export interface ProxyReply extends Head {
  readonly kind: 'proxyReply';
  readonly accepted: boolean;
  readonly reply: string;
  /** ID in the reply: a claim of the proxy, proven or dropped by correlation (I1). */
  readonly queuedAs?: string;
  readonly claimedLogin?: string;
}

/** `MailScanner: Requeue: OLD.SUFFIX to NEW`: it took OLD out of the hold queue. It names no instance: that is ''. */
export interface ScannerRequeue extends Head {
  readonly kind: 'scannerRequeue';
  /** The new ID, whose first line of its own will be qmgr's. */
  readonly queueId: string;
  readonly origId: string;
}

/** `pickup: QID: uid=N from=<…>`, with the old ID after `postsuper -r`. */
interface Pickup extends Head {
  readonly kind: 'pickup';
  readonly queueId: string;
  readonly uid: number;
  readonly sender: string;
  readonly origId?: string;
}

/** `cleanup: QID: message-id=<…>` (also resent-message-id), without the brackets. Chosen by a stranger. */
interface MessageIdLine extends Head {
  readonly kind: 'messageId';
  readonly queueId: string;
  readonly messageId: string;
  readonly resent: boolean;
}

/**
 * `qmgr: QID: from=<…>, size=N, nrcpt=N (queue active)`: the message exists. Where a long sender cut the line, size
 * is 0 and recipients 1.
 */
interface Queued extends Head {
  readonly kind: 'queued';
  readonly queueId: string;
  readonly sender: string;
  readonly sizeBytes: number;
  readonly recipients: number;
}

/** `qmgr: QID: from=<…>, status=expired, returned to sender` (also force-expired). */
interface Expired extends Head {
  readonly kind: 'expired';
  readonly queueId: string;
  readonly sender: string;
}

export type DeliveryStatus = 'sent' | 'deferred' | 'bounced' | 'expired' | 'undeliverable' | 'deliverable';

/** A delivery agent's line about one recipient. `reply` is the remote's text: chosen by a stranger. */
export interface Delivery extends Head {
  readonly kind: 'delivery';
  readonly queueId: string;
  readonly recipient: string;
  readonly origTo?: string;
  /** `relay=NAME[ADDRESS]:PORT`; absent for `none`, `local`, …; the address also for a unix socket. */
  readonly remoteName?: string;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  readonly delaySeconds: number;
  readonly dsn?: string;
  readonly status: DeliveryStatus;
  /** Text between the outermost parentheses after the status. */
  readonly reply: string;
  /** ID in an Ok reply's `queued as ID`: a claim of the answering host, proven or dropped by correlation (I1). */
  readonly queuedAs?: string;
  /** local(8)'s own `forwarded as ID`: a new message of the same instance, made without smtpd or pickup. */
  readonly forwardedAs?: string;
}

/** `qmgr: QID: removed`; postsuper's own is a Superseded. */
interface Removed extends Head {
  readonly kind: 'removed';
  readonly queueId: string;
}

/** postsuper's per-message lines. */
export interface Superseded extends Head {
  readonly kind: 'superseded';
  readonly queueId: string;
  readonly act: 'held' | 'released' | 'requeued' | 'purged';
}

/** `bounce: QID: sender non-delivery notification: NEW`: NEW is no mail of the account. */
interface Notification extends Head {
  readonly kind: 'notification';
  readonly queueId: string;
  readonly childId: string;
}

/**
 * An access map, policy service, limiter, header check or milter put the mail on hold, rejected or discarded it. Before
 * the end of the message a hold or a discard is a promise only: the client may still leave none.
 */
export interface Action extends Head {
  readonly kind: 'action';
  readonly action: 'hold' | 'reject' | 'discard';
  /**
   * When: an SMTP command (`RCPT`, `DATA`, `END-OF-MESSAGE`), what was checked (`header`, `body`, `mime-error`), or
   * `queue-file` where the message was too big or malformed.
   */
  readonly stage: string;
  /** Absent for NOQUEUE. */
  readonly queueId?: string;
  readonly client?: string;
  /**
   * `sasl_username=` at the end (milters; since Postfix 3.10 all of smtpd). A signal; attributes nothing (I1): only an
   * Acceptance can.
   */
  readonly claimedLogin?: string;
  readonly text: string;
}

/** A failed AUTH, told by smtpd or Dovecot. The name is whatever the client typed. */
export interface AuthFailure extends Head {
  readonly kind: 'authFailure';
  readonly client: string;
  readonly clientPort?: number;
  readonly saslMethod?: string;
  readonly login?: string;
  readonly reason?: string;
}

export interface Connect extends Head {
  readonly kind: 'connect' | 'disconnect';
  readonly client: string;
  readonly clientPort?: number;
  /**
   * `data=N` of a disconnect: messages that this session left by DATA (not BDAT), one way or the other. Absent where no
   * DATA was sent, and before Postfix 3.0.
   */
  readonly dataAccepted?: number;
}

/**
 * `smtpd: lost connection after DATA (N bytes) from CLIENT` (also `timeout`, `too many errors`): whatever transaction
 * this process has open leaves no message. After `END-OF-MESSAGE` the transaction was over and its message stands. RSET
 * ends one too, and is not logged.
 */
export interface SessionLost extends Head {
  readonly kind: 'sessionLost';
  readonly after: string;
  readonly client: string;
}

export type LogRecord =
  | Acceptance
  | ProxyAcceptance
  | ProxyReply
  | ScannerRequeue
  | Pickup
  | MessageIdLine
  | Queued
  | Expired
  | Delivery
  | Removed
  | Superseded
  | Notification
  | Action
  | AuthFailure
  | Connect
  | SessionLost;

/** Every line is one of the three, and all are counted (I8). */
export type Parsed =
  | { readonly ok: LogRecord }
  /** A line of no interest; `ignored` names the kind: `anvil`, `postscreen`, `foreign`, `warning`, … */
  | { readonly ignored: string }
  /** Looks like ours and cannot be read; the reason names what and where. */
  | { readonly malformed: string };

/** How to read times that say less than an instant. */
export interface TimeContext {
  /** IANA zone for stamps without one. */
  readonly zone: string;
  /** RFC 3164 stamps have no year: the year that puts the line nearest to this instant is taken. */
  readonly nearMicros: number;
}
