import type { Proof } from '../../shared/wire/events.ts';
import type { CommandOrder } from '../../shared/wire/orders.ts';
import {
  AccountMail,
  type Course,
  holdMail,
  type MailParts,
  outcome,
  outsideQueues,
  takeFromHold,
} from './account-mail.ts';
import type { Effects } from './effects.ts';
import type { HintedId } from './late-mail.ts';
import type { Outcome } from './ledger-entry.ts';
import type { HintedSession } from './protocol.ts';
import type { Standing } from './standing.ts';

/** What the agent knows beside an order; all of it is checked. */
export interface Hints {
  readonly ids: readonly HintedId[];
  readonly sessions: readonly HintedSession[];
}

export interface CommandParts extends MailParts {
  readonly effects: Effects;
  readonly standing: Standing;
}

/** One answer stays within the socket's line. */
const maxProofs = 300;

/**
 * Runs one verified command. What it takes is decided by each message's own queue file (I3): the canonical form of its
 * `sasl_username`, its client, sender and time. @returns the outcome with the counts of this run
 * @throws Error where Postfix's tools fail or the journal is full; the order then failed
 */
export async function runCommand(
  order: CommandOrder,
  hints: Hints,
  course: Course,
  parts: CommandParts,
): Promise<Outcome> {
  switch (order.act) {
    case 'hold':
      return await holdMail(mailOf(order, parts), hints.ids, course);
    case 'release':
      return await takeFromHold('release', mailOf(order, parts), course);
    case 'purge':
      return await takeFromHold('purge', mailOf(order, parts), course);
    case 'kick':
      return await kick(mailOf(order, parts), hints.sessions);
    case 'sweep':
    case 'prove':
      return await prove(order, parts);
    case 'snapshot':
    case 'backfill':
      // The agent's own acts: it asks only whether the order is genuine.
      return { state: 'done', counts: {}, proofs: [] };
  }
}

function mailOf(order: CommandOrder, parts: CommandParts): AccountMail {
  const { account, accountRule, act, derivedIds, jti, selection } = order;
  if (account === undefined) throw new Error(`${act} without an account`);
  const rule = accountRule ?? parts.standing.inForce.rule;
  return new AccountMail({ account, rule, selection, jti, derived: derivedIds?.length ?? 0 }, parts);
}

async function kick(mail: AccountMail, hinted: readonly HintedSession[]): Promise<Outcome> {
  const { postfix } = mail.parts;
  const carried = hinted.filter((each) => mail.isOfAccount(each.login));
  let kicked = 0;
  let connections = 0;
  for (const instance of postfix.instances) {
    const ours = carried.filter((each) => each.instance === instance);
    if (ours.length === 0) continue;
    // smtpd serves one client after the other: a session is the account's only while the peer is still the same.
    const isOurs = (session: { pid: number; client: string; clientPort: number }) =>
      ours.some(
        (each) =>
          each.pid === session.pid &&
          each.client === session.client &&
          (each.clientPort === undefined || each.clientPort === session.clientPort),
      );
    for (const session of (await postfix.sessions(instance)).filter(isOurs)) {
      if (await postfix.destroy(session)) kicked += 1;
    }
    connections += (await postfix.sessions(instance)).filter(isOurs).length;
  }
  const left = hinted.length - kicked;
  const proof: Proof = {
    account: mail.account,
    what: 'kick',
    verified: connections === 0,
    held: 0,
    outsideHold: 0,
    connections,
  };
  return outcome({ kicked, ...(left > 0 ? { left } : {}) }, proof);
}

/** Looks at every queue again, holds what a containment wants held, and states what is true now. */
async function prove(order: CommandOrder, parts: CommandParts): Promise<Outcome> {
  const { standing } = parts;
  const { seen, counts } = await standing.survey();
  const entries = [...standing.inForce.entries.values()].filter(
    (entry) => order.account === undefined || entry.account === order.account,
  );
  if (order.account === undefined || entries.length > 0) {
    return { state: 'done', counts, proofs: entries.slice(0, maxProofs).map((entry) => standing.proof(entry, seen)) };
  }
  const mail = mailOf(order, parts);
  const held = (await mail.count(['hold'])).all;
  const outsideHold = (await mail.count(outsideQueues)).selected;
  return outcome(counts, { account: order.account, what: 'hold', verified: outsideHold === 0, held, outsideHold });
}
