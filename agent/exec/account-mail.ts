import { type AccountRule, canonicalAccount } from '../../shared/account/account.ts';
import type { EffectCounts, Proof } from '../../shared/wire/events.ts';
import { everything, type Selectable, type Selection, selects } from '../../shared/wire/selection.ts';
import { addCounts } from './effect-counts.ts';
import { batchSize, type Effects } from './effects.ts';
import type { HintedId } from './late-mail.ts';
import type { Outcome } from './ledger-entry.ts';
import type { Postfix, PostsuperAct, QueueFile, QueueName } from './postfix.ts';

/** Whose mail is meant, and which of it. */
export interface MailOrder {
  /** Canonical. */
  readonly account: string;
  readonly rule: AccountRule;
  /** All of it where absent. */
  readonly selection?: Selection | undefined;
  /** Batches are journaled under it. */
  readonly jti: string;
  /** Messages that only the hub's links know: none of them is touched yet. */
  readonly derived?: number;
}

export interface MailParts {
  readonly postfix: Postfix;
  readonly effects: Pick<Effects, 'act'>;
  readonly messagesPerCommand: number;
}

/** What a running command asks between batches. */
export interface Course {
  /** Exec is being ended: stop at the next batch, and be taken up again. */
  readonly isClosing: () => boolean;
  /** What waits behind this command and will be released: it is spared, so that an undo never comes too late. */
  readonly laterReleases: () => readonly Selection[];
  /** Messages touched before a kill interrupted the command: they count towards its limit. */
  readonly doneBefore: EffectCounts;
}

export const outsideQueues: readonly QueueName[] = ['incoming', 'active', 'deferred'];

/**
 * The messages of an account that are meant, and the way to them. Each message's own queue file decides (I3): the
 * canonical form of its `sasl_username`, its client, sender and time.
 */
export class AccountMail {
  readonly #order: MailOrder;
  readonly parts: MailParts;

  constructor(order: MailOrder, parts: MailParts) {
    this.#order = order;
    this.parts = parts;
  }

  get account(): string {
    return this.#order.account;
  }

  isOfAccount(login: string | undefined): boolean {
    return login !== undefined && canonicalAccount(login, this.#order.rule) === this.account;
  }

  selects(file: QueueFile): boolean {
    const selection = this.#order.selection ?? everything;
    return file.complete && this.isOfAccount(file.login) && selects(selection, selectable(file));
  }

  /** Derived messages hold no login of their own; which are the account's is not decided here yet. */
  get derivedLeft(): EffectCounts {
    const left = this.#order.derived ?? 0;
    return left === 0 ? {} : { left };
  }

  async act(act: PostsuperAct, instance: string, files: readonly QueueFile[]): Promise<EffectCounts> {
    return await this.parts.effects.act(this.#order.jti, act, instance, files);
  }

  /** The account's messages in some queues: those selected, and all. */
  async count(queues: readonly QueueName[]): Promise<{ selected: number; all: number }> {
    let selected = 0;
    let all = 0;
    for (const instance of this.parts.postfix.instances) {
      for await (const file of this.parts.postfix.scan(instance, queues)) {
        if (this.isOfAccount(file.login)) all += 1;
        if (this.selects(file)) selected += 1;
      }
    }
    return { selected, all };
  }
}

export function selectable({ client, sender, createdAtMicros }: QueueFile): Selectable {
  return { client, sender, acceptedAtMicros: createdAtMicros };
}

/**
 * Batches of selected messages, until told to stop or at the relay's own limit. The next batch is looked for while one
 * is at work; never are two at work.
 */
async function inBatches(
  act: PostsuperAct,
  mail: AccountMail,
  course: Course,
  files: (instance: string) => AsyncIterable<QueueFile>,
): Promise<{ counts: EffectCounts; stopped?: string }> {
  const { messagesPerCommand, postfix } = mail.parts;
  let spared = 0;
  /** What may still be touched; a batch at work counts in full until it is known what it touched. */
  let room = messagesPerCommand - touched(course.doneBefore);
  let counts: EffectCounts = {};
  let atWork: Promise<void> = Promise.resolve();
  const work = async (instance: string, batch: readonly QueueFile[]) => {
    const later = course.laterReleases();
    const taken = batch.filter((file) => !later.some((selection) => selects(selection, selectable(file))));
    spared += batch.length - taken.length;
    const done = await mail.act(act, instance, taken);
    room += batch.length - touched(done);
    counts = addCounts(counts, done);
  };
  const start = async (instance: string, batch: readonly QueueFile[]) => {
    await atWork;
    if (course.isClosing()) return;
    room -= batch.length;
    atWork = work(instance, batch);
    // It is awaited before the next begins, and at the end.
    atWork.catch(() => undefined);
  };
  let stopped: string | undefined;
  try {
    stopped = await lookThrough();
  } finally {
    await atWork;
  }
  if (stopped !== undefined) return { counts, stopped };
  return spared === 0 ? { counts } : { counts, stopped: `a later order for this account releases ${spared} of them` };

  async function lookThrough(): Promise<string | undefined> {
    for (const instance of postfix.instances) {
      let batch: QueueFile[] = [];
      for await (const file of files(instance)) {
        if (!mail.selects(file)) continue;
        if (batch.length >= room) await atWork;
        if (batch.length >= room) {
          await start(instance, batch);
          return `this relay's limit of ${messagesPerCommand} messages per command`;
        }
        batch.push(file);
        if (batch.length < batchSize) continue;
        await start(instance, batch);
        if (course.isClosing()) return 'exec was ended';
        batch = [];
      }
      await start(instance, batch);
      if (course.isClosing()) return 'exec was ended';
    }
    return undefined;
  }
}

/** Holds what is meant: the hinted IDs first, then what lies in the queue files. @returns with the proof, from the files */
export async function holdMail(mail: AccountMail, hinted: readonly HintedId[], course: Course): Promise<Outcome> {
  const { postfix } = mail.parts;
  const first = await inBatches('hold', mail, course, (instance) => inspectHinted(postfix, instance, hinted));
  const swept =
    first.stopped === undefined
      ? await inBatches('hold', mail, course, (instance) => postfix.scan(instance, outsideQueues))
      : { counts: {}, stopped: first.stopped };
  const counts = addCounts(first.counts, swept.counts);
  const held = (await mail.count(['hold'])).all;
  const outsideHold = (await mail.count(outsideQueues)).selected;
  const proof: Proof = { account: mail.account, what: 'hold', verified: outsideHold === 0, held, outsideHold };
  return outcome(addCounts(counts, mail.derivedLeft), proof, swept.stopped);
}

/** Releases or purges what is meant, out of the hold queue only (I4). @returns with the proof, from the files */
export async function takeFromHold(act: 'release' | 'purge', mail: AccountMail, course: Course): Promise<Outcome> {
  const { postfix } = mail.parts;
  const { counts, stopped } = await inBatches(act, mail, course, (instance) => postfix.scan(instance, ['hold']));
  const inHold = await mail.count(['hold']);
  // A released message belongs outside; a purged one must be nowhere.
  const outsideHold = act === 'purge' ? (await mail.count(outsideQueues)).selected : 0;
  const proof: Proof = {
    account: mail.account,
    what: act,
    verified: inHold.selected === 0 && outsideHold === 0,
    held: inHold.all,
    outsideHold,
  };
  return outcome(addCounts(counts, mail.derivedLeft), proof, stopped);
}

async function* inspectHinted(postfix: Postfix, instance: string, ids: readonly HintedId[]) {
  for (const [of, queueId] of ids) {
    const file = of === instance ? await postfix.inspect(instance, queueId) : undefined;
    if (file !== undefined && file.queue !== 'hold') yield file;
  }
}

function touched(counts: EffectCounts): number {
  return (counts.held ?? 0) + (counts.released ?? 0) + (counts.purged ?? 0);
}

export function outcome(counts: EffectCounts, proof: Proof, stopped?: string): Outcome {
  if (stopped === undefined) return { state: 'done', counts, proofs: [proof] };
  return { state: 'failed', reason: `stopped: ${stopped}`, counts, proofs: [{ ...proof, verified: false }] };
}
