import * as z from 'zod';
import { effectCounts, proof, resultState } from '../../shared/wire/events.ts';
import { order } from '../../shared/wire/orders.ts';
import { clockReading } from './hub-clock.ts';
import { hintedSession } from './protocol.ts';

/** Final answer to an order, without the id that it is sent under. */
export const outcome = z.strictObject({
  state: resultState,
  reason: z.string().optional(),
  counts: effectCounts,
  proofs: z.array(proof),
});
export type Outcome = z.infer<typeof outcome>;

/** Messages about to be touched, each by ID and time of creation: together they name one life on one instance. */
export const batch = z.strictObject({
  act: z.enum(['hold', 'release', 'purge']),
  instance: z.string(),
  files: z.array(z.tuple([z.string(), z.int()])),
});
export type Batch = z.infer<typeof batch>;

/** A batch between `began` and `did`. */
export interface OpenBatch {
  readonly key: string;
  /** The order's, or `standing`. */
  readonly jti: string;
  readonly batch: Batch;
}

/** One line of the journal. */
export const ledgerEntry = z.discriminatedUnion('t', [
  /** A verified order, under the id of its request: exec answers for it from here on. */
  z.strictObject({
    t: z.literal('accepted'),
    id: z.string(),
    hash: z.string(),
    order,
    /** Sessions that the log showed: unlike messages, a restart could not find them again. */
    sessions: z.array(hintedSession).optional(),
    clock: clockReading,
  }),
  /** Before an effect. `jti` is the order's, or `standing` for what the desired state does by itself. */
  z.strictObject({ t: z.literal('began'), key: z.string(), jti: z.string(), batch }),
  /** After it. */
  z.strictObject({ t: z.literal('did'), key: z.string(), jti: z.string(), counts: effectCounts }),
  z.strictObject({ t: z.literal('ended'), jti: z.string(), outcome }),
  z.strictObject({ t: z.literal('acked'), jti: z.string() }),
  /** Hub time where it decided something: the end of a containment. */
  z.strictObject({ t: z.literal('clock'), clock: clockReading }),
  /** Last line of a compacted journal: what must outlive the orders it came from. */
  z.strictObject({
    t: z.literal('marks'),
    clock: clockReading,
    generation: z.int(),
    /** `[account, number]` of the last command per account. */
    numbers: z.array(z.tuple([z.string(), z.int()])),
    /** For an account without a mark: numbers up to here are used up. */
    numberFloor: z.int(),
    /** When, on this boot's monotonic clock, the commands of the last hour were accepted. */
    recentMillis: z.array(z.number()),
  }),
]);
export type LedgerEntry = z.infer<typeof ledgerEntry>;
