import { type AccountRule, canonicalAccount, spellings } from '../../shared/account/account.ts';
import type { DesiredEntry, DesiredOrder } from '../../shared/wire/orders.ts';
import { selects } from '../../shared/wire/selection.ts';
import { canBeKey } from './access-map.ts';
import type { QueueFile } from './postfix.ts';

/** smtpd's answers at RCPT: accept into the hold queue, or refuse. */
const mapValue: Readonly<Record<DesiredEntry['mode'], string>> = {
  quarantine: 'HOLD holdfast quarantine',
  block: 'REJECT 5.7.1 account blocked',
};

/**
 * Further spellings kept per account (I11): each is another form that folds to the same account. The newest stay, so
 * that nobody fills the list before the spelling that is in use shows up.
 */
const maxLearntPerAccount = 200;

/**
 * The containments of one generation that stand at an instant of hub time: whose mail is held, and what the access map
 * holds. Learns spellings of contained accounts as they show up.
 */
export class InForce {
  readonly generation: number;
  readonly digest: string;
  readonly rule: AccountRule;
  readonly entries: ReadonlyMap<string, DesiredEntry>;
  readonly #learnt = new Map<string, Set<string>>();

  /** `refuses` names accounts that this relay never contains. */
  constructor(pieces: readonly DesiredOrder[], nowMillis: number, refuses: (account: string) => boolean) {
    const [first] = pieces;
    this.generation = first?.generation ?? 0;
    this.digest = first?.digest ?? '';
    this.rule = first?.accountRule ?? { realmAliases: {} };
    const standing = pieces.flatMap((piece) => piece.entries).filter((entry) => entry.until > nowMillis);
    this.entries = new Map(standing.filter((entry) => !refuses(entry.account)).map((entry) => [entry.account, entry]));
  }

  /** The next end of an entry, ms of hub time. */
  get nextEndMillis(): number | undefined {
    const ends = [...this.entries.values()].map((entry) => entry.until);
    return ends.length === 0 ? undefined : ends.reduce((a, b) => Math.min(a, b));
  }

  entryOf(login: string | undefined): DesiredEntry | undefined {
    if (login === undefined || this.entries.size === 0) return undefined;
    const account = canonicalAccount(login, this.rule);
    return account === undefined ? undefined : this.entries.get(account);
  }

  /** The containment that wants this message held; none for mail that a person released. */
  holds(file: QueueFile): DesiredEntry | undefined {
    const entry = this.entryOf(file.login);
    const message = { client: file.client, sender: file.sender, acceptedAtMicros: file.createdAtMicros };
    const isReleased = entry?.released.some(
      (each) => file.createdAtMicros < each.before * 1000 && selects(each.selection, message),
    );
    return isReleased === true ? undefined : entry;
  }

  /** @returns whether the access map needs a new key for it */
  learn(login: string): boolean {
    const entry = this.entryOf(login);
    if (entry === undefined || this.#keysOf(entry).has(fold(login))) return false;
    const learnt = this.#learnt.get(entry.account) ?? new Set<string>();
    const [oldest] = learnt;
    if (learnt.size >= maxLearntPerAccount && oldest !== undefined) learnt.delete(oldest);
    learnt.add(login);
    this.#learnt.set(entry.account, learnt);
    return true;
  }

  /** Spellings outlive the generation that learnt them. */
  learnFrom(other: InForce): void {
    for (const logins of other.#learnt.values()) for (const login of logins) this.learn(login);
  }

  /** What the access map has to hold. */
  mapEntries(): Map<string, string> {
    const map = new Map<string, string>();
    for (const entry of this.entries.values()) {
      for (const key of this.#keysOf(entry)) if (canBeKey(key)) map.set(key, mapValue[entry.mode]);
    }
    return map;
  }

  /** Spellings of the account that no access map can key: mail under them is only held after it was accepted. */
  unkeyable(entry: DesiredEntry): string[] {
    return [...this.#keysOf(entry)].filter((key) => !canBeKey(key));
  }

  #keysOf(entry: DesiredEntry): Set<string> {
    const logins = [...entry.logins, ...(this.#learnt.get(entry.account) ?? [])];
    // smtpd looks the login up as typed, only case-folded: a form with blanks or not in NFC is a key of its own.
    return new Set([...spellings(entry.account, logins, this.rule), ...logins.map(fold)].filter((key) => key !== ''));
  }
}

function fold(login: string): string {
  return login.toLowerCase();
}
