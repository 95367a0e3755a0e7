import { type AccountRule, canonicalAccount } from '../../shared/account/account.ts';
import type { EffectCounts, Proof } from '../../shared/wire/events.ts';
import type { CommandOrder } from '../../shared/wire/orders.ts';
import { everything, type Selectable, type Selection, selects } from '../../shared/wire/selection.ts';
import { addCounts } from './effect-counts.ts';
import { batchSize, type Effects } from './effects.ts';
import type { HintedId } from './late-mail.ts';
import type { Outcome } from './ledger-entry.ts';
import type { Postfix, PostsuperAct, QueueFile, QueueName } from './postfix.ts';
import type { HintedSession } from './protocol.ts';
import type { Standing } from './standing.ts';

/** What the agent knows beside an order; all of it is checked. */
export interface Hints {
  readonly ids: readonly HintedId[];
  readonly sessions: readonly HintedSession[];
}

export interface CommandParts {
  readonly postfix: Postfix;
  readonly effects: Effects;
  readonly standing: Standing;
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

/** One answer stays within the socket's line. */
const maxProofs = 300;

const outsideQueues: readonly QueueName[] = ['incoming', 'active', 'deferred'];

/**
 * Runs one verified command. What it takes is decided by each message's own queue file (I3): the canonical form of its
 * `sasl_username`, its client, sender and time. @returns the outcome with the counts of this run
 * @throws Error where Postfix's tools fail or the journal is full; the order then failed
 */
export async function runCommand(
  order: CommandOrder,
  hints: Hints,
  course: Course,
  parts: CommandParts,
): Promise<Outcome> {
  switch (order.act) {
    case 'hold':
      return await holdMail(new Target(order, parts), hints, course);
    case 'release':
      return await takeFromHold('release', new Target(order, parts), course);
    case 'purge':
      return await takeFromHold('purge', new Target(order, parts), course);
    case 'kick':
      return await kick(new Target(order, parts), hints.sessions);
    case 'sweep':
    case 'prove':
      return await prove(order, parts);
    case 'snapshot':
    case 'backfill':
      // The agent's own acts: it asks only whether the order is genuine.
      return { state: 'done', counts: {}, proofs: [] };
  }
}

/** The messages that a command means, and the way to them. */
class Target {
  readonly account: string;
  readonly #order: CommandOrder;
  readonly #rule: AccountRule;
  readonly parts: CommandParts;

  constructor(order: CommandOrder, parts: CommandParts) {
    if (order.account === undefined) throw new Error(`${order.act} without an account`);
    this.account = order.account;
    this.#order = order;
    this.#rule = order.accountRule ?? parts.standing.inForce.rule;
    this.parts = parts;
  }

  isOfAccount(login: string | undefined): boolean {
    return login !== undefined && canonicalAccount(login, this.#rule) === this.account;
  }

  selects(file: QueueFile): boolean {
    const selection = this.#order.selection ?? everything;
    return file.complete && this.isOfAccount(file.login) && selects(selection, selectable(file));
  }

  /** Derived messages hold no login of their own; which are the account's is not decided here yet. */
  get derivedLeft(): EffectCounts {
    const left = this.#order.derivedIds?.length ?? 0;
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

function selectable({ client, sender, createdAtMicros }: QueueFile): Selectable {
  return { client, sender, acceptedAtMicros: createdAtMicros };
}

/** Batches of selected messages, until told to stop or at the relay's own limit. */
async function inBatches(
  act: PostsuperAct,
  target: Target,
  course: Course,
  files: (instance: string) => AsyncIterable<QueueFile>,
): Promise<{ counts: EffectCounts; stopped?: string }> {
  const { messagesPerCommand, postfix } = target.parts;
  let spared = 0;
  let room = messagesPerCommand - touched(course.doneBefore);
  let counts: EffectCounts = {};
  for (const instance of postfix.instances) {
    let batch: QueueFile[] = [];
    const flush = async () => {
      const later = course.laterReleases();
      const taken = batch.filter((file) => !later.some((selection) => selects(selection, selectable(file))));
      spared += batch.length - taken.length;
      batch = [];
      const done = await target.act(act, instance, taken);
      room -= touched(done);
      counts = addCounts(counts, done);
    };
    for await (const file of files(instance)) {
      if (!target.selects(file)) continue;
      if (batch.length >= room) {
        await flush();
        return { counts, stopped: `this relay's limit of ${messagesPerCommand} messages per command` };
      }
      batch.push(file);
      if (batch.length < batchSize) continue;
      if (course.isClosing()) return { counts, stopped: 'exec was ended' };
      await flush();
    }
    if (course.isClosing()) return { counts, stopped: 'exec was ended' };
    await flush();
  }
  return spared === 0 ? { counts } : { counts, stopped: `a later order for this account releases ${spared} of them` };
}

async function holdMail(target: Target, hints: Hints, course: Course): Promise<Outcome> {
  const { postfix } = target.parts;
  const hinted = await inBatches('hold', target, course, (instance) => inspectHinted(postfix, instance, hints.ids));
  const swept =
    hinted.stopped === undefined
      ? await inBatches('hold', target, course, (instance) => postfix.scan(instance, outsideQueues))
      : { counts: {}, stopped: hinted.stopped };
  const counts = addCounts(hinted.counts, swept.counts);
  const held = (await target.count(['hold'])).all;
  const outsideHold = (await target.count(outsideQueues)).selected;
  const proof: Proof = { account: target.account, what: 'hold', verified: outsideHold === 0, held, outsideHold };
  return outcome(addCounts(counts, target.derivedLeft), proof, swept.stopped);
}

async function takeFromHold(act: 'release' | 'purge', target: Target, course: Course): Promise<Outcome> {
  const { postfix } = target.parts;
  const { counts, stopped } = await inBatches(act, target, course, (instance) => postfix.scan(instance, ['hold']));
  const inHold = await target.count(['hold']);
  // A released message belongs outside; a purged one must be nowhere.
  const outsideHold = act === 'purge' ? (await target.count(outsideQueues)).selected : 0;
  const proof: Proof = {
    account: target.account,
    what: act,
    verified: inHold.selected === 0 && outsideHold === 0,
    held: inHold.all,
    outsideHold,
  };
  return outcome(addCounts(counts, target.derivedLeft), proof, stopped);
}

async function kick(target: Target, hinted: readonly HintedSession[]): Promise<Outcome> {
  const { postfix } = target.parts;
  const carried = hinted.filter((each) => target.isOfAccount(each.login));
  let kicked = 0;
  let connections = 0;
  for (const instance of postfix.instances) {
    const ours = carried.filter((each) => each.instance === instance);
    if (ours.length === 0) continue;
    // smtpd serves one client after the other: a session is the account's only while the peer is still the same.
    const isOurs = (session: { pid: number; client: string; clientPort: number }) =>
      ours.some(
        (each) =>
          each.pid === session.pid &&
          each.client === session.client &&
          (each.clientPort === undefined || each.clientPort === session.clientPort),
      );
    for (const session of (await postfix.sessions(instance)).filter(isOurs)) {
      if (await postfix.destroy(session)) kicked += 1;
    }
    connections += (await postfix.sessions(instance)).filter(isOurs).length;
  }
  const left = hinted.length - kicked;
  const proof: Proof = {
    account: target.account,
    what: 'kick',
    verified: connections === 0,
    held: 0,
    outsideHold: 0,
    connections,
  };
  return outcome({ kicked, ...(left > 0 ? { left } : {}) }, proof);
}

/** Looks at every queue again, holds what a containment wants held, and states what is true now. */
async function prove(order: CommandOrder, parts: CommandParts): Promise<Outcome> {
  const { standing } = parts;
  const { seen, counts } = await standing.survey();
  const entries = [...standing.inForce.entries.values()].filter(
    (entry) => order.account === undefined || entry.account === order.account,
  );
  if (order.account === undefined || entries.length > 0) {
    return { state: 'done', counts, proofs: entries.slice(0, maxProofs).map((entry) => standing.proof(entry, seen)) };
  }
  const target = new Target(order, parts);
  const held = (await target.count(['hold'])).all;
  const outsideHold = (await target.count(outsideQueues)).selected;
  return outcome(counts, { account: order.account, what: 'hold', verified: outsideHold === 0, held, outsideHold });
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

function outcome(counts: EffectCounts, proof: Proof, stopped?: string): Outcome {
  if (stopped === undefined) return { state: 'done', counts, proofs: [proof] };
  return { state: 'failed', reason: `stopped: ${stopped}`, counts, proofs: [{ ...proof, verified: false }] };
}
