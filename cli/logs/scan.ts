import { type AccountRule, canonicalAccount } from '../../shared/account/account.ts';
import type { Message } from '../../shared/correlate/message.ts';
import type { Response, Rule, Severity } from '../../shared/decide/rules.ts';
import { judge } from '../../shared/decide/rules.ts';
import { recipientsOf, type Window, windowMicros } from '../../shared/detect/window.ts';
import type { IdRow, PlainRow, RowSink } from '../../shared/ids/row.ts';

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

/** Lines, and so messages, may come this much out of order, in log time. */
const disorderMicros = 5 * 60_000_000;

/** Accounts are judged this often. */
const stepMicros = 60_000_000;

/**
 * Replays submissions through detection in log time, while they come: the first finding of each account. Keeps what a
 * rule can still look at, and of accounts that are done their name.
 */
export class Scan implements RowSink {
  readonly #rules: readonly Rule[];
  readonly #accountRule: AccountRule;
  readonly #accounts = new Map<string, AccountReplay | undefined>();
  /** By login, as written. */
  readonly #accountOf = new Map<string, string>();
  readonly #waiting = new Set<AccountReplay>();
  readonly #findings: ScanFinding[] = [];
  #newestMicros = Number.NEGATIVE_INFINITY;
  /** Of it, when accounts were judged last. */
  #judgedMicros = Number.NEGATIVE_INFINITY;

  constructor(rules: readonly Rule[], accountRule: AccountRule) {
    this.#rules = rules;
    this.#accountRule = accountRule;
  }

  get accounts(): number {
    return this.#accounts.size;
  }

  plain(row: PlainRow): void {
    if (row.attribution === 'direct' && this.#replayOf(row.loginText()) !== undefined) this.row(row.toIdRow());
  }

  row({ attribution, login, ...row }: IdRow): void {
    const replay = attribution === 'direct' ? this.#replayOf(login) : undefined;
    if (replay === undefined) return;
    replay.add({
      ...row,
      login,
      queuedAtMicros: row.acceptedAtMicros,
      notice: false,
      isHeld: false,
      discarded: false,
      refused: false,
      lost: false,
      outcomes: [],
    });
    this.#waiting.add(replay);
    if (row.acceptedAtMicros > this.#newestMicros) this.#newestMicros = row.acceptedAtMicros;
  }

  /** Undefined where nothing more is to be judged, or the login is nobody's. */
  #replayOf(login: string): AccountReplay | undefined {
    let account = this.#accountOf.get(login);
    if (account === undefined) {
      account = canonicalAccount(login, this.#accountRule);
      if (account === undefined) return undefined;
      this.#accountOf.set(login, account);
    }
    if (!this.#accounts.has(account)) this.#accounts.set(account, new AccountReplay(account));
    return this.#accounts.get(account);
  }

  /** Judges what no line can come before any more. */
  advance(): void {
    if (this.#newestMicros < this.#judgedMicros + stepMicros) return;
    this.#judgedMicros = this.#newestMicros;
    this.#judgeUntil(this.#newestMicros - disorderMicros);
  }

  /** Judges all; the findings in the order of their time. */
  end(): readonly ScanFinding[] {
    this.#judgeUntil(Number.POSITIVE_INFINITY);
    return this.#findings.sort((a, b) => a.openedAt - b.openedAt);
  }

  #judgeUntil(untilMicros: number): void {
    for (const replay of this.#waiting) {
      const finding = replay.judgeUntil(untilMicros, this.#rules);
      if (finding !== undefined) {
        this.#findings.push(finding);
        this.#accounts.set(replay.account, undefined);
      }
      if (finding !== undefined || replay.isJudged) this.#waiting.delete(replay);
    }
  }
}

/** One account's messages in the order of their time. */
class AccountReplay {
  readonly account: string;
  #messages: Message[] = [];
  /** Of those, how many were judged. */
  #judged = 0;

  constructor(account: string) {
    this.account = account;
  }

  get isJudged(): boolean {
    return this.#judged === this.#messages.length;
  }

  add(message: Message): void {
    const messages = this.#messages;
    let at = messages.length;
    while (at > this.#judged && (messages[at - 1]?.acceptedAtMicros ?? 0) > message.acceptedAtMicros) at -= 1;
    messages.splice(at, 0, message);
  }

  judgeUntil(untilMicros: number, rules: readonly Rule[]): ScanFinding | undefined {
    const messages = this.#messages;
    let first = 0;
    for (; this.#judged < messages.length; this.#judged++) {
      const now = messages[this.#judged]?.acceptedAtMicros ?? 0;
      if (now > untilMicros) break;
      while ((messages[first]?.acceptedAtMicros ?? now) <= now - windowMicros) first += 1;
      const finding = this.#judge(messages.slice(first, this.#judged + 1), now, rules);
      if (finding !== undefined) return finding;
    }
    this.#messages = messages.slice(first);
    this.#judged -= first;
    return undefined;
  }

  #judge(messages: readonly Message[], now: number, rules: readonly Rule[]): ScanFinding | undefined {
    const window: Window = { account: this.account, messages, containedSinceMicros: new Map() };
    const verdict = judge(window, rules, now);
    if (verdict === undefined) return undefined;
    return {
      account: this.account,
      rule: verdict.rule.id,
      severity: verdict.rule.severity,
      openedAt: Math.floor(now / 1000),
      messagesBeforeOpen: messages.length,
      recipientsBeforeOpen: recipientsOf(messages),
      response: verdict.rule.response,
      evidence: verdict.signals.map(({ evidence }) => evidence),
      relays: [...new Set(messages.map(({ relay }) => relay))],
    };
  }
}
