import { AccountMail, holdMail } from '../../agent/exec/account-mail.ts';
import { addCounts } from '../../agent/exec/effect-counts.ts';
import type { HintedId } from '../../agent/exec/late-mail.ts';
import type { Postfix } from '../../agent/exec/postfix.ts';
import type { AccountRule } from '../../shared/account/account.ts';
import type { EffectCounts } from '../../shared/wire/events.ts';
import type { Selection } from '../../shared/wire/selection.ts';
import type { Hands } from './hands.ts';

export interface Wanted {
  /** Canonical. */
  readonly account: string;
  readonly rule: AccountRule;
  readonly selection?: Selection;
}

export interface Held {
  readonly counts: EffectCounts;
  /** What the queue files say afterwards. */
  readonly held: number;
  readonly outsideHold: number;
  /** Spellings of the account in the queue files. */
  readonly logins: readonly string[];
  /** Why it is not complete. */
  readonly reason?: string;
}

/** Mail in motion is looked at again so often; what comes faster than that has to be stopped at smtpd. */
const maxRounds = 5;

/** Holds the account's mail: what leaves next first, the newest of it before the rest; then all. */
export async function hold(wanted: Wanted, postfix: Postfix, hands: Hands): Promise<Held> {
  const parts = { postfix, effects: hands, messagesPerCommand: Number.MAX_SAFE_INTEGER };
  const mail = new AccountMail({ ...wanted, jti: 'rescue' }, parts);
  const logins = new Set<string>();
  let counts: EffectCounts = {};
  for (let round = 1; ; round++) {
    const urgent = await leavingNext(mail, logins);
    const outcome = await holdMail(mail, urgent, {
      isClosing: () => hands.isInterrupted,
      laterReleases: () => [],
      doneBefore: {},
    });
    // What one round left behind the next one finds, or the proof says so.
    counts = { ...addCounts(counts, outcome.counts) };
    delete counts.left;
    const { held = 0, outsideHold = 0, verified = false } = outcome.proofs[0] ?? {};
    if (!verified && round < maxRounds && !hands.isInterrupted) continue;
    const reason = outcome.reason ?? (verified ? undefined : `${outsideHold} messages keep getting out of our hands`);
    return {
      counts,
      held,
      outsideHold,
      logins: [...(await spelt(mail, logins))],
      ...(reason === undefined ? {} : { reason: hands.isInterrupted ? 'stopped: interrupted' : reason }),
    };
  }
}

async function leavingNext(mail: AccountMail, logins: Set<string>): Promise<HintedId[]> {
  const found: { readonly id: HintedId; readonly at: number }[] = [];
  const { postfix } = mail.parts;
  for (const instance of postfix.instances) {
    for await (const file of postfix.scan(instance, ['active', 'incoming'])) {
      if (file.login !== undefined && mail.isOfAccount(file.login)) logins.add(file.login);
      if (mail.selects(file)) found.push({ id: [instance, file.queueId], at: file.createdAtMicros });
    }
  }
  return found.sort((a, b) => b.at - a.at).map(({ id }) => id);
}

async function spelt(mail: AccountMail, logins: Set<string>): Promise<ReadonlySet<string>> {
  const { postfix } = mail.parts;
  for (const instance of postfix.instances) {
    for await (const { login } of postfix.scan(instance, ['hold'])) {
      if (login !== undefined && logins.size < 100 && mail.isOfAccount(login)) logins.add(login);
    }
  }
  return logins;
}
