/**
 * The port to Postfix: everything exec does to a relay goes through it. `real.ts` runs Postfix's own tools
 * (fixed argv, IDs on stdin, no shell); `simulated.ts` is a small queue model for demos and load tests.
 */
export type QueueName = 'incoming' | 'active' | 'deferred' | 'hold';

/** A message as its queue file tells it; read-only ground truth. */
export interface QueueFile {
  readonly instance: string;
  readonly queueId: string;
  readonly queue: QueueName;
  /** `sasl_username`; absent for inbound, local, re-injected and notification mail. */
  readonly login?: string;
  /** `create_time`: equals the time of the `client=` line and the time inside a long ID. */
  readonly createdAtMicros: number;
  readonly sender: string;
  /** `client_address`. */
  readonly client?: string;
  /** `log_ident`: differs from queueId for a re-injected or requeued file. */
  readonly logIdent?: string;
  /** How many it was accepted for. */
  readonly recipients?: number;
  /** Mode 0700. An incomplete file (0600) is still in DATA: postsuper does not touch it yet. */
  readonly complete: boolean;
}

/** A live SMTP session: the smtpd process that serves it and its peer. */
export interface Session {
  readonly instance: string;
  readonly pid: number;
  readonly client: string;
  readonly clientPort: number;
}

export type PostsuperAct = 'hold' | 'release' | 'purge';

export interface Postfix {
  /** Names of the instances (their syslog_name). */
  readonly instances: readonly string[];
  /** The file behind an ID, wherever it is; undefined if there is none. Never throws for a hostile ID. */
  inspect(instance: string, queueId: string): Promise<QueueFile | undefined>;
  /** Every message of the named queues; files that vanish while scanning are skipped. */
  scan(instance: string, queues: readonly QueueName[]): AsyncIterable<QueueFile>;
  /** IDs that Postfix itself reports as changed. `purge` looks in `hold` only (I4). */
  postsuper(instance: string, act: PostsuperAct, queueIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Makes the access map hold exactly these keys, in one transaction on the existing file. */
  writeMap(instance: string, entries: ReadonlyMap<string, string>): Promise<void>;
  /** What the map holds now. */
  readMap(instance: string): Promise<ReadonlyMap<string, string>>;
  /** Live sessions of this instance's smtpd processes. */
  sessions(instance: string): Promise<readonly Session[]>;
  /** Ends one session by destroying its socket. False if it was gone already. */
  destroy(session: Session): Promise<boolean>;
}
