import { hash } from 'node:crypto';
import { type AccountRule, canonicalAccount } from '../../shared/account/account.ts';
import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import { Brake, type Limit, type LimitKind, type Over, type Remembered } from './brake.ts';
import type { Received } from './protocol.ts';
import type { BrakeSettings } from './settings.ts';

export const dunno = 'DUNNO';

const words: Readonly<Record<LimitKind, string>> = {
  messages: 'messages',
  recipients: 'recipients',
  firstTimeRecipients: 'first-time recipients',
};
/** RCPTs without a single END-OF-MESSAGE say that it is not wired in. */
const suspiciousRecipients = 1_000;

/** From a request to the action that Postfix gets: nothing but memory in between. */
export class Answers {
  readonly #brake: Brake;
  readonly #settings: BrakeSettings;
  readonly #counters: Counters;
  readonly #log: Log;
  #key = '';
  #rule: AccountRule = { realmAliases: {} };
  #exemptions = new Map<string, { times: number; untilMs: number }>();

  constructor(parts: { settings: BrakeSettings; counters: Counters; log: Log }) {
    const { settings } = parts;
    this.#settings = settings;
    this.#counters = parts.counters;
    this.#log = parts.log;
    const kinds = ['messages', 'recipients', 'firstTimeRecipients'] as const;
    const limits = kinds.flatMap((kind) => settings[kind].map((window): Limit => ({ kind, ...window })));
    this.#brake = new Brake({
      limits,
      countsOver: settings.answer === 'HOLD',
      learnMs: settings.learnHours * 3_600_000,
    });
    this.setRule(this.#rule);
  }

  /** Of the numbers that recipients are remembered by; secret, so that nobody can choose addresses that look alike. */
  useKey(key: string): void {
    this.#key = key;
  }

  setRule(rule: AccountRule): void {
    this.#rule = rule;
    this.#exemptions = new Map(
      this.#settings.exemptions.map(({ account, times, until }) => [
        canonicalAccount(account, rule) ?? '',
        { times, untilMs: Date.parse(until) },
      ]),
    );
  }

  /** `place` tells transactions of different Postfix instances apart. */
  answer(nowMs: number, request: Received, place: string): string {
    if (request === 'malformed') {
      this.#counters.add('brakeMalformed');
      return dunno;
    }
    const account = canonicalAccount(request.login, this.#rule);
    if (request.state === 'other' || account === undefined) return dunno;
    const exemption = this.#exemptions.get(account);
    const times = exemption !== undefined && nowMs < exemption.untilMs ? exemption.times : 1;
    const { isBegin } = request;
    const submission = { account, transaction: `${place} ${request.instance}`, isBegin, times };
    if (request.state === 'RCPT') {
      this.#counters.add('brakeRecipients');
      this.#warnIfHalfWired();
      const over = this.#brake.recipient(nowMs, submission, this.#number(request.recipient));
      return over === undefined ? dunno : this.#limited(account, over, 'brakeRecipientsOver');
    }
    this.#counters.add('brakeMessages');
    const over = this.#brake.message(nowMs, submission, request.recipientCount);
    return over === undefined ? dunno : this.#limited(account, over, 'brakeMessagesOver');
  }

  remembered(): Generator<Remembered> {
    return this.#brake.remembered();
  }

  remember(each: Remembered): void {
    this.#brake.remember(each);
  }

  /** The reply is the account's to read, the log's line the postmaster's. */
  #limited(account: string, { limit, isNews }: Over, counter: string): string {
    this.#counters.add(counter);
    const { answer } = this.#settings;
    const what = `more than ${limit.limit} ${words[limit.kind]} in ${limit.minutes} minutes`;
    if (isNews) {
      this.#counters.add('brakeAccountsOver');
      this.#log.warn({ account, ...limit, answer }, `brake: ${what} from one account`);
    }
    return answer === 'HOLD' ? `HOLD holdfast brake: ${what}` : '450 4.7.1 Sending limit reached; try again later';
  }

  #warnIfHalfWired(): void {
    if (this.#counters.get('brakeRecipients') !== suspiciousRecipients || this.#counters.get('brakeMessages') > 0)
      return;
    const reason = 'Postfix asks at RCPT only, but messages count at their end';
    this.#log.error({ reason }, 'brake: not in smtpd_end_of_data_restrictions, so it limits nothing');
  }

  #number(recipient: string): number {
    return hash('sha256', this.#key + recipient.trim().toLowerCase(), 'buffer').readUInt32LE(0);
  }
}
