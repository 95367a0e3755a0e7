import type { EffectCounts, Proof } from '../../shared/wire/events.ts';
import type { DesiredEntry, DesiredOrder } from '../../shared/wire/orders.ts';
import { type Log, reasonOf } from '../log.ts';
import { addCounts } from './effect-counts.ts';
import type { Effects } from './effects.ts';
import { InForce } from './in-force.ts';
import { type HintedId, LateMail, plausible } from './late-mail.ts';
import { type Ledger, standing } from './ledger.ts';
import { MapKeeper } from './map-keeper.ts';
import type { Postfix, QueueFile } from './postfix.ts';
import { type Survey, survey } from './survey.ts';

/** A message whose RCPT was answered just before the map changed may get its file just after the first pass. */
const secondLookMillis = 3000;
const retryMillis = 10_000;
const reachedCheckMillis = 1000;
const maxTimerMillis = 2 ** 31 - 1;
/** A message accepted within this time after a block had passed smtpd's look-up before it. */
const blockGraceMicros = 1_000_000;

export interface StandingParts {
  readonly postfix: Postfix;
  readonly ledger: Ledger;
  readonly effects: Effects;
  readonly log: Log;
  /** Accounts that this relay never contains. */
  readonly refuses: (account: string, order: DesiredOrder) => boolean;
}

/** What a pass found, and what it did. */
export interface Pass {
  readonly seen: Survey;
  readonly counts: EffectCounts;
}

/**
 * Keeps the relay equal to its desired state: the access map, and the mail that must lie in hold, also what comes
 * later. Converges from anything: it looks at the queue files, never at what it did before.
 */
export class Standing {
  readonly #parts: StandingParts;
  readonly #maps: MapKeeper;
  readonly #late: LateMail;
  #inForce = new InForce([], 0, () => false);
  /** Since when (relay's clock) the map refuses an account. */
  readonly #blockedSinceMicros = new Map<string, number>();
  #surveyLane: Promise<unknown> = Promise.resolve();
  #nextSurvey: Promise<Pass> | undefined;
  #endTimer: NodeJS.Timeout | undefined;
  #lookTimer: NodeJS.Timeout | undefined;
  readonly #onProgress = new Set<() => void>();
  #sweptGeneration = 0;
  #isClosed = false;

  constructor(parts: StandingParts) {
    this.#parts = parts;
    this.#maps = new MapKeeper(parts.postfix, parts.log, () => this.#inForce.mapEntries());
    this.#late = new LateMail(
      parts,
      (files) => this.#hold(files),
      () => this.#lookAgain(retryMillis),
    );
  }

  get inForce(): InForce {
    return this.#inForce;
  }

  /** Resolves once a desired state of at least this generation is in force; false if that is not so in time. */
  reached(generation: number, isInTime: () => boolean): Promise<boolean> {
    return this.#until(() => this.#inForce.generation >= generation, isInTime);
  }

  /**
   * Resolves once, beyond that, a pass over the queues has held what it wants held: a purge takes only held mail, and
   * would leave behind what is held after it.
   */
  swept(generation: number, isInTime: () => boolean): Promise<boolean> {
    return this.#until(() => this.#sweptGeneration >= generation, isInTime);
  }

  async #until(isSo: () => boolean, isInTime: () => boolean): Promise<boolean> {
    while (!isSo()) {
      if (this.#isClosed || !isInTime()) return false;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, reachedCheckMillis);
      this.#onProgress.add(resolve);
      await promise;
      clearTimeout(timer);
      this.#onProgress.delete(resolve);
    }
    return true;
  }

  /** The state that the relay is in; none while an access map does not say so, so that the hub sends it again. */
  get achieved(): { generation: number; digest: string } {
    if (this.#maps.faults.length > 0) return { generation: 0, digest: '' };
    return { generation: this.#inForce.generation, digest: this.#inForce.digest };
  }

  /** Instances whose access map cannot be written, with the reason. */
  get faults(): readonly string[] {
    return this.#maps.faults;
  }

  /**
   * Makes the newest complete generation the relay's state: first the map, then the mail that the hints name, then
   * everything else by a pass over the queues.
   */
  async apply(candidates: readonly HintedId[]): Promise<Pass> {
    this.#takeOver();
    const isChanged = await this.#maps.update();
    this.#noteBlocks();
    const files: QueueFile[] = [];
    for (const id of candidates) {
      const file = await this.#parts.postfix.inspect(...id);
      if (file !== undefined) files.push(file);
    }
    try {
      const hinted = await this.#hold(files);
      const { seen, counts } = await this.survey();
      if (isChanged) this.#lookAgain(secondLookMillis);
      return { seen, counts: addCounts(hinted, counts) };
    } catch (error) {
      this.#lookAgain(retryMillis);
      throw error;
    }
  }

  /** A pass over all queues that begins after this call; callers that wait share one. */
  survey(): Promise<Pass> {
    this.#nextSurvey ??= this.#surveyLane.then(() => {
      this.#nextSurvey = undefined;
      return this.#survey();
    });
    const run = this.#nextSurvey;
    this.#surveyLane = run.catch(() => undefined);
    return run;
  }

  async #survey(): Promise<Pass> {
    if (this.#isClosed) return { seen: new Map(), counts: {} };
    const { generation } = this.#inForce;
    const pass = this.#inForce.entries.size === 0 ? { seen: new Map(), counts: {} } : await this.#pass();
    this.#sweptGeneration = generation;
    this.#tellProgress();
    return pass;
  }

  async #pass(): Promise<Pass> {
    let counts: EffectCounts = {};
    const seen = await survey({
      postfix: this.#parts.postfix,
      inForce: () => this.#inForce,
      isWanted: (file) => this.#isWanted(file),
      hold: async (files) => {
        counts = addCounts(counts, await this.#hold(files));
      },
      onLogin: (login) => this.#learn(login),
      onIncomplete: (file) => this.#late.watch([file.instance, file.queueId]),
    });
    return { seen, counts };
  }

  /** New mail that may be a contained account's. `login` is a hint too: it may add a spelling, never an account. */
  hint(ids: readonly HintedId[], login?: string): void {
    if (this.#inForce.entries.size === 0) return;
    if (login !== undefined) this.#learn(login);
    this.#late.add(plausible(this.#parts.postfix, ids));
  }

  proof(entry: DesiredEntry, seen: Survey): Proof {
    const { held = 0, outsideHold = 0, newestMicros = 0 } = seen.get(entry.account) ?? {};
    const blockedSince = this.#blockedSinceMicros.get(entry.account);
    const unkeyable = this.#inForce.unkeyable(entry);
    const notes = [...this.#maps.faults];
    if (unkeyable.length > 0) notes.push(`no access map can hold the login ${JSON.stringify(unkeyable[0])}`);
    if (blockedSince !== undefined && newestMicros > blockedSince + blockGraceMicros) {
      notes.push('mail was accepted after the block');
    }
    return {
      account: entry.account,
      what: entry.mode,
      verified: outsideHold === 0 && notes.length === 0,
      held,
      outsideHold,
      ...(notes.length === 0 ? {} : { note: notes.join('; ').slice(0, 1000) }),
    };
  }

  /** Waits for what is under way; the relay stays as it is. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#endTimer);
    clearTimeout(this.#lookTimer);
    this.#tellProgress();
    await Promise.all([this.#maps.close(), this.#late.close(), this.#surveyLane]);
  }

  #tellProgress(): void {
    for (const resolve of this.#onProgress) resolve();
  }

  #takeOver(): void {
    const { ledger, refuses } = this.#parts;
    const pieces = ledger.inForce;
    const [first] = pieces;
    const now = ledger.clock.now();
    const next = new InForce(pieces, now, (account) => first !== undefined && refuses(account, first));
    next.learnFrom(this.#inForce);
    this.#inForce = next;
    this.#tellProgress();
    if (next.entries.size === 0) this.#late.clear();
    clearTimeout(this.#endTimer);
    const end = next.nextEndMillis;
    if (end === undefined || this.#isClosed) return;
    this.#endTimer = setTimeout(() => this.#background(this.#onEnd()), Math.min(end - now + 1, maxTimerMillis));
  }

  /** An entry reached its end: it leaves the map; what is held stays held until somebody decides. */
  async #onEnd(): Promise<void> {
    const before = this.#inForce.entries.size;
    this.#takeOver();
    if (this.#inForce.entries.size < before) this.#parts.ledger.witnessEnd();
    await this.#maps.update();
  }

  #noteBlocks(): void {
    const blocked = [...this.#inForce.entries.values()].filter((entry) => entry.mode === 'block');
    const names = new Set(blocked.map((entry) => entry.account));
    for (const account of this.#blockedSinceMicros.keys()) {
      if (!names.has(account)) this.#blockedSinceMicros.delete(account);
    }
    for (const account of names) {
      if (!this.#blockedSinceMicros.has(account)) this.#blockedSinceMicros.set(account, Date.now() * 1000);
    }
  }

  #isWanted(file: QueueFile): boolean {
    return this.#inForce.holds(file) !== undefined;
  }

  /** Holds those of the files that a containment wants held; the others are not touched. */
  async #hold(files: readonly QueueFile[]): Promise<EffectCounts> {
    let counts: EffectCounts = {};
    for (const instance of this.#parts.postfix.instances) {
      const wanted = files.filter((file) => file.instance === instance && file.complete && file.queue !== 'hold');
      const ours = wanted.filter((file) => this.#isWanted(file));
      for (const { login } of ours) if (login !== undefined) this.#learn(login);
      counts = addCounts(counts, await this.#parts.effects.act(standing, 'hold', instance, ours));
    }
    return counts;
  }

  #learn(login: string): void {
    if (this.#inForce.learn(login)) this.#background(this.#maps.update());
  }

  #lookAgain(millis: number): void {
    clearTimeout(this.#lookTimer);
    if (this.#isClosed || this.#inForce.entries.size === 0) return;
    this.#lookTimer = setTimeout(() => this.#background(this.survey()), millis);
  }

  /** Work nobody waits for: a failure is said, and the queues are looked at again. */
  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#parts.log.error({ reason: reasonOf(error) }, 'standing containment: trying again');
      this.#lookAgain(retryMillis);
    });
  }
}
