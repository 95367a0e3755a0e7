import { type AccountRule, canonicalAccount } from '../../shared/account/account.ts';
import type { IdRow, PlainRow, RowSink } from '../../shared/ids/row.ts';
import { Names, networkOf } from './names.ts';

/** An account as the maillog tells. */
export interface Logged {
  submissions: number;
  recipients: number;
  readonly senders: Names;
  readonly networks: Names;
  newestMicros: number;
}

/** Sums the submissions of a log up by account. */
export class LogTally implements RowSink {
  readonly #rule: AccountRule;
  readonly #accounts = new Map<string, Logged>();

  constructor(rule: AccountRule) {
    this.#rule = rule;
  }

  get accounts(): ReadonlyMap<string, Logged> {
    return this.#accounts;
  }

  plain(row: PlainRow): void {
    if (row.attribution === 'direct') this.row(row.toIdRow());
  }

  row({ attribution, login, sender, client, recipients = 1, acceptedAtMicros }: IdRow): void {
    const account = attribution === 'direct' ? canonicalAccount(login, this.#rule) : undefined;
    if (account === undefined) return;
    const logged = this.#accounts.get(account) ?? nothingLogged();
    this.#accounts.set(account, logged);
    logged.submissions += 1;
    logged.recipients += recipients;
    logged.senders.add(sender);
    logged.networks.add(networkOf(client));
    logged.newestMicros = Math.max(logged.newestMicros, acceptedAtMicros);
  }
}

function nothingLogged(): Logged {
  return { submissions: 0, recipients: 0, senders: new Names(), networks: new Names(), newestMicros: 0 };
}
