import { canonicalAccount } from '../../shared/account/account.ts';
import type { Part } from '../../shared/correlate/facts.ts';
import type { Deps } from '../deps.ts';
import { judgeAccount } from '../judge.ts';
import type { Containments } from './containments.ts';
import { learnLogins, unknownLogins } from './learn-logins.ts';

/** An account with fewer submissions in one batch is left to the sweep. */
const suspectSubmissions = 2;

/** First step of detection: what one relay's batch already shows, decided at once. */
export async function detectIn(deps: Deps, part: Part, sentAt: number, containments: Containments): Promise<void> {
  const accounts = new Map<string, { logins: Set<string>; times: number[] }>();
  for (const { facts } of part.traces) {
    for (const fact of facts) {
      if ((fact.kind !== 'accepted' && fact.kind !== 'proxied') || fact.login === undefined) continue;
      const account = canonicalAccount(fact.login, deps.accountRule);
      if (account === undefined) continue;
      const known = accounts.get(account) ?? { logins: new Set<string>(), times: [] };
      known.logins.add(fact.login);
      known.times.push(fact.atMicros);
      accounts.set(account, known);
    }
  }
  if (accounts.size === 0) return;
  for (const [account, { logins, times }] of accounts) {
    const containment = (await containments.byAccount()).get(account);
    if (containment !== undefined) {
      // What gets past it shows in the sweep, whose reading costs the same however much the thief sends (I10).
      if (unknownLogins(containment, logins).length > 0) await learnLogins(deps, account, logins);
    } else if (times.length >= suspectSubmissions) {
      const seen = new Map([[part.relay, times]]);
      const changed = await judgeAccount(deps, { account, logins: [...logins], seen, sentAt, containment });
      if (changed) containments.forget();
    }
  }
}
