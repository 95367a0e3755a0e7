import * as z from 'zod';
import { relayId } from './events.ts';
import { selection } from './selection.ts';

/**
 * What the hub orders: the payloads of its signed messages (I5). Desired state says what is in force and converges;
 * a command is one act, runs once, and never after its end.
 */

const account = z.string().min(1).max(512);

const accountRule = z.strictObject({
  realm: z.string().max(255).optional(),
  realmAliases: z.record(z.string().max(255), z.string().max(255)),
});

/** One containment as a relay keeps it. While it stands, the account's mail in the queue is held, also what comes later. */
export const desiredEntry = z.strictObject({
  account,
  mode: z.enum(['quarantine', 'block']),
  /** Logins seen for the account, as logged: keys of the access map beside the realm forms. */
  logins: z.array(z.string().max(512)).max(100),
  /** End, ms since the epoch; every entry has one. */
  until: z.int(),
  /** Mail that a person released: matches accepted before `before` (ms) are not held again. */
  released: z.array(z.strictObject({ selection, before: z.int() })).max(32),
});
export type DesiredEntry = z.infer<typeof desiredEntry>;

/**
 * A backfill asks for at most this many bytes. A range of exactly this many is a piece of a larger one: its end is any
 * byte, and the relay sends the lines that end before it.
 */
export const maxBackfillBytes = 64 * 1024 * 1024;

/** A byte range of a log file: it begins where a line does, and ends after a line's end. */
export const backfillRange = z
  .strictObject({ file: z.string().min(1).max(4096), from: z.int().nonnegative(), to: z.int().nonnegative() })
  .refine(({ from, to }) => to > from && to - from <= maxBackfillBytes, {
    message: `a range of 1 to ${maxBackfillBytes} bytes`,
  });

const envelope = {
  v: z.literal(1),
  relay: relayId,
  /** Unique per attempt; the result names it. */
  jti: z.string().min(1).max(128),
  /** Hub time, ms since the epoch. */
  issuedAt: z.int(),
  /** After this hub time exec refuses it as expired. */
  notAfter: z.int(),
};

export const desiredOrder = z.strictObject({
  ...envelope,
  kind: z.literal('desired'),
  generation: z.int().positive(),
  /** A large state goes as numbered pieces of one generation, applied only when all are there. */
  piece: z.strictObject({ index: z.int().nonnegative(), count: z.int().min(1).max(1000) }),
  accountRule,
  /** SHA-256 (hex) over the canonical JSON of all entries of the generation and the account rule. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  entries: z.array(desiredEntry).max(500),
});
export type DesiredOrder = z.infer<typeof desiredOrder>;

export const act = z.enum(['hold', 'release', 'purge', 'kick', 'sweep', 'snapshot', 'backfill', 'prove']);

export const commandOrder = z.strictObject({
  ...envelope,
  kind: z.literal('command'),
  act,
  /** Absent for acts of the relay itself (snapshot, backfill). */
  account: account.optional(),
  accountRule: accountRule.optional(),
  /** Increases per (relay, account); gaps allowed, lower refused. */
  number: z.int().positive(),
  /** Exec waits until a desired state of at least this generation is in force: a release must not be held again. */
  requiresGeneration: z.int().nonnegative(),
  selection: selection.optional(),
  /** Derived messages of the account, which only the hub's links know: `[instance, queueId]`. */
  derivedIds: z
    .array(z.tuple([z.string().max(255), z.string().max(32)]))
    .max(5000)
    .optional(),
  /** backfill: the byte range of a log file that did not arrive. */
  backfill: backfillRange.optional(),
});
export type CommandOrder = z.infer<typeof commandOrder>;

export const order = z.discriminatedUnion('kind', [desiredOrder, commandOrder]);
export type Order = z.infer<typeof order>;
