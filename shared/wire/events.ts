import * as z from 'zod';

/**
 * What a relay tells the hub: the bodies of its SQS messages. `lines` go to the events queue, the rest to the
 * reports queue, so that a proof never waits behind a storm of log lines.
 */

/** A relay's name: a DNS-like label set, because it becomes part of queue names and keys. */
export const relayId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'a relay name is lower-case letters, digits, dots and hyphens');

/** A relay's own clock, ms since the epoch: wrong perhaps, but a time that can be reckoned with (until the year 9999). */
const relayTime = z.int().nonnegative().max(253_402_300_799_999);

/** Shippers pack 300; the facts of so many lines still fit one item of the table. */
const maxLines = 1_000;

/**
 * A pack of maillog lines. `b` is base64(zstd(text)); each line of the text is `OFFSET TEXT\n`, OFFSET being the
 * byte offset in `file` of the line's first byte. `from`..`to` is the range of bytes the pack stands for, also of
 * lines that were not worth shipping: successive packs of a file join, so a lost pack shows as a gap. A rotated
 * file begins a new chain at 0.
 */
export const linesMessage = z.object({
  v: z.literal(1),
  kind: z.literal('lines'),
  relay: relayId,
  file: z.string().min(1).max(4096),
  /** IANA zone of lines that carry none; the relay's registration where absent. */
  zone: z.string().max(64).optional(),
  /** Lines in `b`. */
  n: z.int().nonnegative().max(maxLines),
  /** Lines that the range held. */
  all: z.int().nonnegative(),
  from: z.int().nonnegative(),
  to: z.int().nonnegative(),
  b: z.base64(),
});
export type LinesMessage = z.infer<typeof linesMessage>;

const maxCounts = 256;
const counts = z
  .record(z.string().max(64), z.number())
  .refine((all) => Object.keys(all).length <= maxCounts, `more than ${maxCounts} counts`);

export const heartbeatMessage = z.object({
  v: z.literal(1),
  kind: z.literal('heartbeat'),
  relay: relayId,
  at: relayTime,
  zone: z.string().max(64),
  /** Instances as their syslog_name, with the addresses that are ours when a reply says `queued as`. */
  instances: z.array(z.object({ name: z.string().max(255), addresses: z.array(z.string().max(64)).max(64) })).max(64),
  /** The desired state in force; generation 0 and an empty digest before the first. */
  desired: z.object({ generation: z.int().nonnegative(), digest: z.string().max(64) }),
  /** Sizes of the maillogs that there are; absent from agents of before. */
  maillogs: z
    .array(z.object({ file: z.string().max(4096), bytes: z.int().nonnegative() }))
    .max(16)
    .optional(),
  /** Agent counters since its start: lines read, ignored, malformed, bytes spooled, packs sent … */
  counts,
});
export type HeartbeatMessage = z.infer<typeof heartbeatMessage>;

export const snapshotMessage = z.object({
  v: z.literal(1),
  kind: z.literal('snapshot'),
  relay: relayId,
  instance: z.string().max(255),
  at: relayTime,
  /** Per queue name (active, deferred, hold, incoming, maildrop). */
  queues: z
    .record(z.string().max(32), z.object({ messages: z.int(), bytes: z.number(), oldestAt: z.int().optional() }))
    .refine((all) => Object.keys(all).length <= 16, 'Postfix has not so many queues'),
  /** The accounts with most mail in the queue, at most 50. */
  accounts: z.array(z.object({ login: z.string().max(512), messages: z.int(), held: z.int() })).max(50),
});
export type SnapshotMessage = z.infer<typeof snapshotMessage>;

/** What exec did: counts of messages (or connections for `kicked`). `left` were not ours to touch or not found. */
export const effectCounts = z.object({
  held: z.int().optional(),
  released: z.int().optional(),
  purged: z.int().optional(),
  kicked: z.int().optional(),
  /** Touched by mistake of a hint and put back at once (I3). */
  mismatched: z.int().optional(),
  left: z.int().optional(),
});
export type EffectCounts = z.infer<typeof effectCounts>;

/** A statement proven on the relay from the queue files themselves (I6). */
export const proof = z.object({
  account: z.string().max(512),
  what: z.enum(['quarantine', 'block', 'hold', 'release', 'purge', 'kick']),
  verified: z.boolean(),
  /** The account's messages in the hold queue. */
  held: z.int().nonnegative(),
  /** The account's messages in any other queue that ought to be held. */
  outsideHold: z.int().nonnegative(),
  /** Live connections that carried the account. */
  connections: z.int().nonnegative().optional(),
  /** Why something could not be contained: a login that no map can key, a service where HOLD is unavailable. */
  note: z.string().max(1000).optional(),
});
export type Proof = z.infer<typeof proof>;

export const resultState = z.enum(['journaled', 'running', 'done', 'failed', 'refused', 'expired']);

/** Outcome of one order (a command or a generation of the desired state), with its proofs. */
export const resultMessage = z.object({
  v: z.literal(1),
  kind: z.literal('result'),
  relay: relayId,
  /** The order's id as issued by the hub (`jti`). */
  id: z.string().max(128),
  state: resultState,
  reason: z.string().max(2000).optional(),
  counts: effectCounts,
  proofs: z.array(proof).max(1000),
  at: relayTime,
});
export type ResultMessage = z.infer<typeof resultMessage>;

/** A proof outside an order: the relay looked again by itself. */
export const proofMessage = z.object({
  v: z.literal(1),
  kind: z.literal('proof'),
  relay: relayId,
  proofs: z.array(proof).max(1000),
  at: relayTime,
});

export const reportMessage = z.discriminatedUnion('kind', [
  heartbeatMessage,
  snapshotMessage,
  resultMessage,
  proofMessage,
]);
export type ReportMessage = z.infer<typeof reportMessage>;
