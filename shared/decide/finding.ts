import * as z from 'zod';
import { selection } from '../wire/selection.ts';

/**
 * A finding: a suspected stolen account. Legal moves:
 *
 * ```
 *   (none) ── opened ──► open ── contained ──► contained ── approved ──► confirmed ── ended ──► closed
 *                         │                       │  ▲                      │
 *                         │                       │  └── escaped ───────────┤  (mail got past the containment)
 *                         └────── undone ─────────┴───────── undone ────────┴──────► undone
 * ```
 *
 * `open` with an automatic response has its containment from the same transaction; `contained` means that relays have
 * proven it. The history is append-only; every entry carries its actor. MUST change only through {@link advance}.
 */
export const findingState = z.enum(['open', 'contained', 'confirmed', 'undone', 'closed']);
export type FindingState = z.infer<typeof findingState>;

const entry = z.object({
  /** ms since the epoch, hub time. */
  at: z.int(),
  /** `hub`, `relay:mx1`, or the person or token that acted. */
  actor: z.string(),
  what: z.enum(['opened', 'signal', 'contained', 'approved', 'undone', 'escaped', 'ended', 'purged', 'released']),
  detail: z.string(),
});
export type HistoryEntry = z.infer<typeof entry>;

export const finding = z.object({
  id: z.string(),
  account: z.string(),
  state: findingState,
  severity: z.enum(['low', 'medium', 'high', 'critical']),
  rule: z.string(),
  response: z.enum(['observe', 'notify', 'quarantine', 'block']),
  openedAt: z.int(),
  /** Submissions of the account inside the rule's window when the finding opened. */
  messagesBeforeOpen: z.int(),
  recipientsBeforeOpen: z.int(),
  evidence: z.array(z.string()),
  /** Spellings seen. */
  logins: z.array(z.string()),
  /** Relays that showed the account. */
  relays: z.array(z.string()),
  history: z.array(entry),
});
export type Finding = z.infer<typeof finding>;

/** Entries kept of a history; the audit trail keeps all. An attacker must not be able to grow a finding (I11). */
export const maxHistory = 200;

export class IllegalMoveError extends Error {
  override name = 'IllegalMoveError';
}

const moves: Readonly<Record<HistoryEntry['what'], { from: readonly FindingState[]; to?: FindingState }>> = {
  opened: { from: [] },
  signal: { from: ['open', 'contained', 'confirmed'] },
  contained: { from: ['open', 'contained', 'confirmed'], to: 'contained' },
  approved: { from: ['open', 'contained', 'confirmed'], to: 'confirmed' },
  undone: { from: ['open', 'contained', 'confirmed'], to: 'undone' },
  escaped: { from: ['open', 'contained', 'confirmed'], to: 'open' },
  ended: { from: ['open', 'contained', 'confirmed'], to: 'closed' },
  // What commands did, told by relays: a fact, whatever the state.
  purged: { from: findingState.options },
  released: { from: findingState.options },
};

/** The finding after one more entry of its history. @throws IllegalMoveError naming state and move */
export function advance(current: Finding, next: HistoryEntry): Finding {
  const move = moves[next.what];
  if (!move.from.includes(current.state)) {
    throw new IllegalMoveError(`finding ${current.id} is ${current.state}: it cannot be ${next.what}`);
  }
  // A confirmed finding stays confirmed when one more relay proves its containment.
  const keeps = next.what === 'contained' && current.state === 'confirmed';
  const history = [...current.history, next];
  return {
    ...current,
    state: keeps ? current.state : (move.to ?? current.state),
    history: history.length > maxHistory ? [...history.slice(0, 1), ...history.slice(1 - maxHistory)] : history,
  };
}

/** What is in force for an account, fleet-wide, with reason, actor and end. */
export const containment = z.object({
  account: z.string(),
  mode: z.enum(['quarantine', 'block']),
  findingId: z.string(),
  reason: z.string(),
  actor: z.string(),
  since: z.int(),
  until: z.int(),
  logins: z.array(z.string()),
  released: z.array(z.object({ selection, before: z.int() })),
});
export type Containment = z.infer<typeof containment>;
