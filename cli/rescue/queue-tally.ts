import type { QueueFile, QueueName } from '../../agent/exec/postfix.ts';
import { type AccountRule, canonicalAccount } from '../../shared/account/account.ts';
import type { Rule } from '../../shared/decide/rules.ts';
import type { IdRow } from '../../shared/ids/row.ts';
import { Scan, type ScanFinding } from '../logs/scan.ts';
import { Names, networkOf } from './names.ts';

/** Messages whose times are kept to run detection over them; what lies in a queue beyond that is only counted. */
const maxJudged = 500_000;

/** An account as its queue files tell. */
export interface Queued {
  /** Spellings, as the queue files have them. */
  readonly logins: Names;
  readonly byQueue: Record<QueueName, number>;
  messages: number;
  recipients: number;
  readonly senders: Names;
  readonly networks: Names;
  newestMicros: number;
}

/** Sums queue files up by account. */
export class QueueTally {
  readonly #rule: AccountRule;
  readonly #accounts = new Map<string, Queued>();
  readonly #rows: IdRow[] = [];
  readonly #total: Record<QueueName, number> = { incoming: 0, active: 0, deferred: 0, hold: 0 };

  #ofNobody = 0;

  constructor(rule: AccountRule) {
    this.#rule = rule;
  }

  get accounts(): ReadonlyMap<string, Queued> {
    return this.#accounts;
  }

  /** All messages, also those of nobody. */
  get total(): Readonly<Record<QueueName, number>> {
    return this.#total;
  }

  /** Inbound, local, notices, and what a content filter re-injected: only the log knows whose that is. */
  get ofNobody(): number {
    return this.#ofNobody;
  }

  get messages(): number {
    return Object.values(this.#total).reduce((a, b) => a + b);
  }

  add(file: QueueFile): void {
    this.#total[file.queue] += 1;
    const { login, client = '', sender, createdAtMicros, recipients = 1 } = file;
    const account = login === undefined ? undefined : canonicalAccount(login, this.#rule);
    if (login === undefined || account === undefined) {
      this.#ofNobody += 1;
      return;
    }
    const queued = this.#accounts.get(account) ?? nothingQueued();
    this.#accounts.set(account, queued);
    queued.logins.add(login);
    queued.byQueue[file.queue] += 1;
    queued.messages += 1;
    queued.recipients += recipients;
    queued.senders.add(sender);
    queued.networks.add(networkOf(client));
    queued.newestMicros = Math.max(queued.newestMicros, createdAtMicros);
    if (this.#rows.length >= maxJudged) return;
    this.#rows.push({
      relay: '',
      instance: file.instance,
      queueId: file.queueId,
      login,
      acceptedAtMicros: createdAtMicros,
      attribution: 'direct',
      sender,
      client,
      recipients,
    });
  }

  /** What the rules say of the mail that lies here, at the times when it was accepted: no log is needed for it. */
  judge(rules: readonly Rule[]): readonly ScanFinding[] {
    const scan = new Scan(rules, this.#rule);
    for (const row of this.#rows.sort((a, b) => a.acceptedAtMicros - b.acceptedAtMicros)) {
      scan.row(row);
      scan.advance();
    }
    return scan.end();
  }
}

function nothingQueued(): Queued {
  return {
    logins: new Names(100),
    byQueue: { incoming: 0, active: 0, deferred: 0, hold: 0 },
    messages: 0,
    recipients: 0,
    senders: new Names(),
    networks: new Names(),
    newestMicros: 0,
  };
}
