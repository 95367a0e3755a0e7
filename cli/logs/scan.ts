import { type AccountRule, canonicalAccount } from '../../shared/account/account.ts';
import { isMessage, type Message } from '../../shared/correlate/lives.ts';
import type { Response, Rule, Severity } from '../../shared/decide/rules.ts';
import { judge } from '../../shared/decide/rules.ts';
import { recipientsOf, type Window, windowMicros } from '../../shared/detect/window.ts';

export interface ScanFinding {
  readonly account: string;
  readonly rule: string;
  readonly severity: Severity;
  /** Log time, ms since the epoch. */
  readonly openedAt: number;
  readonly messagesBeforeOpen: number;
  readonly recipientsBeforeOpen: number;
  /** What would have been done by itself. */
  readonly response: Response;
  readonly evidence: readonly string[];
  readonly relays: readonly string[];
}

/** Replays messages through detection in log time: the first finding of each account. */
export function scanMessages(
  messages: readonly Message[],
  rules: readonly Rule[],
  accountRule: AccountRule,
): { readonly accounts: number; readonly findings: readonly ScanFinding[] } {
  const byAccount = new Map<string, Message[]>();
  for (const message of messages) {
    const account = message.login === undefined ? undefined : canonicalAccount(message.login, accountRule);
    if (account === undefined || !isMessage(message)) continue;
    const known = byAccount.get(account);
    if (known === undefined) byAccount.set(account, [message]);
    else known.push(message);
  }
  const findings = [...byAccount].flatMap(([account, list]) => scanAccount(account, list, rules) ?? []);
  return { accounts: byAccount.size, findings: findings.sort((a, b) => a.openedAt - b.openedAt) };
}

function scanAccount(account: string, list: Message[], rules: readonly Rule[]): ScanFinding | undefined {
  list.sort((a, b) => a.acceptedAtMicros - b.acceptedAtMicros);
  let first = 0;
  for (const [index, { acceptedAtMicros: now }] of list.entries()) {
    while ((list[first]?.acceptedAtMicros ?? now) <= now - windowMicros) first += 1;
    const window: Window = { account, messages: list.slice(first, index + 1), containedSinceMicros: new Map() };
    const verdict = judge(window, rules, now);
    if (verdict === undefined) continue;
    return {
      account,
      rule: verdict.rule.id,
      severity: verdict.rule.severity,
      openedAt: Math.floor(now / 1000),
      messagesBeforeOpen: window.messages.length,
      recipientsBeforeOpen: recipientsOf(window.messages),
      response: verdict.rule.response,
      evidence: verdict.signals.map(({ evidence }) => evidence),
      relays: [...new Set(window.messages.map(({ relay }) => relay))],
    };
  }
  return undefined;
}
