/**
 * The brake's core: what each account submitted lately, against its limits. Pure: time, identities and settings are
 * parameters. A message counts once, when it is complete (END-OF-MESSAGE); RCPT only looks at what it would add, so a
 * rejected or repeated RCPT, or a transaction that ends in RSET, adds nothing.
 *
 * Memory is bounded: `maxAccounts`, each of at most about 3 KB (92 bytes a limit, 4 a known recipient), and
 * `maxTransactions` open messages; beyond, the account used longest ago and the oldest message are forgotten.
 */
export type LimitKind = 'messages' | 'recipients' | 'firstTimeRecipients';

export interface Limit {
  readonly kind: LimitKind;
  readonly limit: number;
  readonly minutes: number;
}

export interface BrakeOptions {
  readonly limits: readonly Limit[];
  /**
   * Whether a message over the limit is a message all the same (HOLD): it counts then, so that who goes on stays held.
   * One that is refused (450) will be tried again and does not count.
   */
  readonly countsOver: boolean;
  /** An account's first-time recipients are only remembered, not limited, for so long after it was seen first. */
  readonly learnMs: number;
  readonly maxAccounts?: number;
}

/** One message being submitted. */
export interface Submission {
  readonly account: string;
  /** The same for every request about one message, and for no other. */
  readonly transaction: string;
  /** No recipient was accepted yet: what comes is all that the message has. */
  readonly isBegin: boolean;
  /** The account's limits are this many times as high (exemptions). */
  readonly times: number;
}

/** The limit that is exceeded. `isNews` once per account, limit and length of its window. */
export interface Over {
  readonly limit: Limit;
  readonly isNews: boolean;
}

/** What an account remembers about recipients, as written to disk and back. */
export interface Remembered {
  readonly account: string;
  readonly sinceMs: number;
  /** The latest last. */
  readonly recipients: Uint32Array;
}

/** A window is this many steps and the one under way: it is up to a twentieth longer than it says, never shorter. */
const steps = 20;
const cells = steps + 1;
/** Per limit: the steps, the number of the latest, the sum. */
const stride = cells + 2;
/** The latest so many recipients are known; 4 bytes each. Two addresses share one number once in 2^32 / 512. */
const maxKnown = 512;
/** Of one message; those beyond count as first-time recipients, and a repetition among them twice, until its end. */
const maxRecipients = 200;
const maxTransactions = 2_000;
const defaultMaxAccounts = 20_000;

interface Account {
  readonly counts: Uint32Array;
  /** Until when nobody needs to be told, per limit. */
  readonly toldUntilMs: number[];
  readonly known: KnownRecipients;
  readonly sinceMs: number;
}

interface Transaction {
  readonly account: string;
  readonly recipients: Set<number>;
  /** Recipients beyond those. */
  more: number;
  /** Seen from its beginning, so that there can be no other recipients. */
  readonly isWhole: boolean;
}

type Added = Readonly<Record<LimitKind, number>>;

export class Brake {
  readonly #options: BrakeOptions;
  readonly #maxAccounts: number;
  /** Latest used last. */
  readonly #accounts = new Map<string, Account>();
  readonly #transactions = new Map<string, Transaction>();

  constructor(options: BrakeOptions) {
    this.#options = options;
    this.#maxAccounts = options.maxAccounts ?? defaultMaxAccounts;
  }

  get accounts(): number {
    return this.#accounts.size;
  }

  /** A recipient is about to be accepted. `recipient` is a keyed hash of 32 bits. */
  recipient(nowMs: number, submission: Submission, recipient: number): Over | undefined {
    const account = this.#account(nowMs, submission.account);
    const transaction = this.#transaction(submission);
    const { recipients } = transaction;
    const isRepeated = recipients.has(recipient);
    if (!isRepeated) {
      if (recipients.size < maxRecipients) recipients.add(recipient);
      else transaction.more += 1;
    }
    const over = this.#over(nowMs, submission, account, {
      messages: 1,
      recipients: recipients.size + transaction.more,
      firstTimeRecipients: firstTime(account, transaction),
    });
    // Refused: not one of the message's.
    if (over !== undefined && !this.#options.countsOver && !isRepeated) {
      if (!recipients.delete(recipient)) transaction.more -= 1;
    }
    return over;
  }

  /** A message is complete. `recipientCount` is how many RCPTs Postfix accepted: without those rejected, with repetitions. */
  message(nowMs: number, submission: Submission, recipientCount: number): Over | undefined {
    const account = this.#account(nowMs, submission.account);
    // What was never asked about at RCPT is not known from its beginning either.
    const transaction = this.#transaction({ ...submission, isBegin: false });
    this.#transactions.delete(submission.transaction);
    const { isWhole, recipients, more } = transaction;
    const added = {
      messages: 1,
      recipients: isWhole ? Math.min(recipientCount, recipients.size + more) : recipientCount,
      firstTimeRecipients: Math.min(recipientCount, firstTime(account, transaction)),
    };
    const over = this.#over(nowMs, submission, account, added);
    if (over === undefined) for (const each of recipients) account.known.add(each);
    if (over === undefined || this.#options.countsOver) {
      for (const [index, { kind }] of this.#options.limits.entries()) add(account.counts, index, added[kind]);
    }
    return over;
  }

  /** Those used longest ago first. */
  *remembered(): Generator<Remembered> {
    // Names first: an account that is used meanwhile moves to the end, where it would be met again.
    for (const account of [...this.#accounts.keys()]) {
      const found = this.#accounts.get(account);
      if (found !== undefined) yield { account, sinceMs: found.sinceMs, recipients: found.known.all() };
    }
  }

  remember({ account, sinceMs, recipients }: Remembered): void {
    this.#account(sinceMs, account).known.take(recipients);
  }

  #over(nowMs: number, { times }: Submission, account: Account, added: Added): Over | undefined {
    const isLearning = nowMs - account.sinceMs < this.#options.learnMs;
    let over: Over | undefined;
    for (const [index, limit] of this.#options.limits.entries()) {
      // Also where another limit is exceeded already: each window has to move on before anything is added to it.
      const before = advance(account.counts, index, nowMs, limit.minutes);
      // What adds nothing is not held for what others added: the owner writes to people he knows while a thief does not.
      if (over !== undefined || added[limit.kind] === 0) continue;
      if (before + added[limit.kind] <= limit.limit * times) continue;
      if (limit.kind === 'firstTimeRecipients' && isLearning) continue;
      const isNews = nowMs >= (account.toldUntilMs[index] ?? 0);
      if (isNews) account.toldUntilMs[index] = nowMs + limit.minutes * 60_000;
      over = { limit, isNews };
    }
    return over;
  }

  #account(nowMs: number, name: string): Account {
    const { limits } = this.#options;
    const account = this.#accounts.get(name) ?? {
      counts: new Uint32Array(limits.length * stride),
      toldUntilMs: [],
      known: new KnownRecipients(),
      sinceMs: nowMs,
    };
    this.#accounts.delete(name);
    this.#accounts.set(name, account);
    dropOldest(this.#accounts, this.#maxAccounts);
    return account;
  }

  #transaction({ transaction: id, account, isBegin }: Submission): Transaction {
    const open = this.#transactions.get(id);
    if (open !== undefined && open.account === account) return open;
    const transaction = { account, recipients: new Set<number>(), more: 0, isWhole: isBegin };
    this.#transactions.delete(id);
    this.#transactions.set(id, transaction);
    dropOldest(this.#transactions, maxTransactions);
    return transaction;
  }
}

function firstTime({ known }: Account, { recipients, more }: Transaction): number {
  let count = more;
  for (const recipient of recipients) if (!known.has(recipient)) count += 1;
  return count;
}

function dropOldest(map: Map<string, unknown>, size: number): void {
  if (map.size <= size) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

/** Moves the window's steps on to `nowMs`; its sum. A clock that goes back stands still. */
function advance(counts: Uint32Array, index: number, nowMs: number, minutes: number): number {
  const base = index * stride;
  const latest = counts[base + cells] ?? 0;
  const step = Math.floor(nowMs / ((minutes * 60_000) / steps));
  for (let passed = Math.max(latest + 1, step - steps); passed <= step; passed++) {
    const cell = base + (passed % cells);
    counts[base + cells + 1] = (counts[base + cells + 1] ?? 0) - (counts[cell] ?? 0);
    counts[cell] = 0;
  }
  if (step > latest) counts[base + cells] = step;
  return counts[base + cells + 1] ?? 0;
}

/** To the step under way; {@link advance} first. */
function add(counts: Uint32Array, index: number, count: number): void {
  const base = index * stride;
  const cell = base + ((counts[base + cells] ?? 0) % cells);
  counts[cell] = (counts[cell] ?? 0) + count;
  counts[base + cells + 1] = (counts[base + cells + 1] ?? 0) + count;
}

/** The latest recipients as numbers, the oldest forgotten first. */
class KnownRecipients {
  #numbers = new Uint32Array(8);
  #count = 0;
  #next = 0;

  has(recipient: number): boolean {
    const at = this.#numbers.indexOf(recipient);
    return at >= 0 && at < this.#count;
  }

  add(recipient: number): void {
    if (this.has(recipient)) return;
    if (this.#count === this.#numbers.length && this.#count < maxKnown) {
      const larger = new Uint32Array(Math.min(maxKnown, this.#count * 2));
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#count = Math.min(this.#count + 1, maxKnown);
    this.#numbers[this.#next] = recipient;
    this.#next = (this.#next + 1) % maxKnown;
  }

  /** Instead of those there are. */
  take(recipients: Uint32Array): void {
    this.#count = Math.min(recipients.length, maxKnown);
    this.#next = this.#count % maxKnown;
    this.#numbers = new Uint32Array(Math.max(8, this.#count));
    this.#numbers.set(recipients.subarray(recipients.length - this.#count));
  }

  /** The latest last. */
  all(): Uint32Array {
    const all = this.#numbers.slice(0, this.#count);
    if (this.#count < maxKnown) return all;
    all.set(this.#numbers.subarray(this.#next));
    all.set(this.#numbers.subarray(0, this.#next), maxKnown - this.#next);
    return all;
  }
}
