import * as z from 'zod';
import { effectCounts, proof, resultState } from '../../shared/wire/events.ts';

/**
 * What the two programs of a relay say to each other over a 0600 unix socket: one JSON object a line, at most
 * {@link maxLineBytes}. The agent only carries: what may be done is signed by the hub, and every hint is checked.
 */
export const maxLineBytes = 256 * 1024;

/** `[instance, queueId]` */
const hintedId = z.tuple([z.string().max(255), z.string().max(32)]);
/** A session that carried an account, as the log showed it. */
export const hintedSession = z.object({
  instance: z.string().max(255),
  pid: z.int(),
  client: z.string().max(64),
  clientPort: z.int().optional(),
  login: z.string().max(512),
});
export type HintedSession = z.infer<typeof hintedSession>;

export const request = z.union([
  /** An order. Hints only speed it up; more of them may follow as `hint` requests. */
  z.strictObject({
    id: z.string().max(128),
    jws: z.string(),
    candidateIds: z.array(hintedId).max(5000).optional(),
    candidateSessions: z.array(hintedSession).max(500).optional(),
  }),
  /** New messages of accounts that may be contained: exec looks at each file and holds what its desired state covers. */
  z.strictObject({ id: z.string().max(128), hint: z.array(hintedId).max(5000), login: z.string().max(512).optional() }),
  /** The agent has shipped (or spooled) the final response of this id: exec may forget it. */
  z.strictObject({ ack: z.string().max(128) }),
  z.strictObject({ id: z.string().max(128), status: z.literal(true) }),
]);
export type Request = z.infer<typeof request>;

/**
 * `journaled` comes first and means: exec answers for it now, the queue message may be deleted. One final response
 * (done, failed, refused, expired) follows, and is repeated on every new connection until it is acknowledged.
 */
export const response = z.object({
  id: z.string(),
  /** `busy`: not journaled (a full disk); the order stays in the queue and comes again. */
  state: z.enum([...resultState.options, 'busy']),
  reason: z.string().optional(),
  counts: effectCounts.optional(),
  proofs: z.array(proof).optional(),
  /** With `status`. */
  desired: z.object({ generation: z.int(), digest: z.string() }).optional(),
});
export type Response = z.infer<typeof response>;

/** The end of an order: what the hub is told, and the agent acknowledges. */
export type FinalResponse = Response & { readonly state: 'done' | 'failed' | 'refused' | 'expired' };
