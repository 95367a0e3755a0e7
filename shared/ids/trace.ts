import type { Fact } from '../correlate/facts.ts';
import { livesOf, type Message } from '../correlate/lives.ts';
import { longIdMicros } from '../parse/queue-id.ts';
import type { Place } from './place.ts';

export type Outcome = Extract<Fact, { kind: 'outcome' }>;
type Accepted = Extract<Fact, { kind: 'accepted' }>;

/** Whose a life was found to be by its links. */
export interface Owned {
  readonly startMicros: number;
  /** Absent: nobody's, whatever else may claim it. */
  readonly login?: string;
}

const unset = -1;

/**
 * What is known of one queue ID on one place: the core's facts, flattened, because there are millions of them. The
 * first fact of each usual kind stands in fields; what does not fit there (a second start, a hold, a pickup …) goes to
 * `more`, and then the core itself tells the lives apart.
 */
export class Trace {
  readonly place: Place;
  readonly queueId: string;
  /** Of place and ID, by `TraceTable`. */
  readonly hash: number;
  /** Next of the same bucket in `TraceTable`. */
  next: Trace | undefined = undefined;
  /** A long ID names one message for ever; a short one may return. */
  readonly long: boolean;

  /** The acceptance. */
  startAt = unset;
  client = '';
  login: string | undefined = undefined;
  origQueueId: string | undefined = undefined;
  messageIdAt = unset;
  /** As `hashOfText` gives it. */
  messageId = 0;
  queuedAt = unset;
  sender = '';
  heldAt = unset;
  /** Removed, purged or requeued: the life is over. */
  endedAt = unset;
  /** A delivery was tried; the latest. Kept without its outcome, as evidence that the message exists. */
  triedAt = unset;

  /** Deliveries in full: those with a claim of one of our own hosts; all, where outcomes are counted. */
  outcomes: Outcome[] | undefined = undefined;
  more: Fact[] | undefined = undefined;
  /** `more` holds what may mean another life, or a life of another kind: the core has to tell. */
  odd = false;

  /** Line time of the newest fact. */
  lastAt: number;
  /** A fact is older than the acceptance. */
  early = false;
  /** Log time has passed the beginning by the settling time: the disorder of lines is over. */
  settled = false;
  /** No longer in the table. */
  gone = false;
  /** Made of lines that are older than others of this relay, and perhaps of some that were seen before. */
  late = false;
  /** Starts of the lives whose rows are out. */
  printed: number[] | undefined = undefined;
  owned: Owned[] | undefined = undefined;
  /** Claims about links that are not decided yet. */
  openClaims = 0;

  constructor(place: Place, queueId: string, hash: number, atMicros: number) {
    this.place = place;
    this.queueId = queueId;
    this.hash = hash;
    this.long = queueId.includes('z');
    this.lastAt = atMicros;
  }

  /** One life, and all of it in the fields. */
  get simple(): boolean {
    return !this.odd && (this.long || !this.early);
  }

  /** Whether any record of this ID names an account. */
  get named(): boolean {
    return this.login !== undefined || (this.more?.some((fact) => fact.kind === 'accepted' && fact.login) ?? false);
  }

  /** Whether a simple trace is of a message that exists. */
  get exists(): boolean {
    return this.queuedAt >= 0 || this.heldAt >= 0 || this.triedAt >= 0 || this.outcomes !== undefined;
  }

  addAccepted(atMicros: number, client: string, login: string | undefined, origQueueId: string | undefined): void {
    if (this.startAt === unset) {
      this.early = this.#earliest() < atMicros;
      this.startAt = atMicros;
      this.client = client;
      this.login = login;
      this.origQueueId = origQueueId;
    } else if (this.startAt !== atMicros || this.client !== client || this.login !== login) {
      const fact: { -readonly [K in keyof Accepted]: Accepted[K] } = { kind: 'accepted', atMicros, client };
      if (login !== undefined) fact.login = login;
      if (origQueueId !== undefined) fact.origQueueId = origQueueId;
      this.addOther(fact);
    }
    this.#saw(atMicros);
  }

  addMessageId(atMicros: number, hash: number): void {
    if (this.messageIdAt === unset) {
      this.messageIdAt = atMicros;
      this.messageId = hash;
    } else if (this.messageId !== hash || (this.messageIdAt !== atMicros && !this.long)) {
      this.addOther({ kind: 'messageId', atMicros, hash: hashText(hash) });
    }
    this.#saw(atMicros);
  }

  addQueued(atMicros: number, sender: string): void {
    if (this.queuedAt === unset || atMicros < this.queuedAt) {
      if (this.queuedAt !== unset) this.#again({ ...queuing, atMicros: this.queuedAt, sender: this.sender });
      this.queuedAt = atMicros;
      this.sender = sender;
    } else if (atMicros !== this.queuedAt) {
      this.#again({ ...queuing, atMicros, sender });
    } else if (sender !== this.sender) {
      this.addOther({ ...queuing, atMicros, sender });
    }
    this.#saw(atMicros);
  }

  addEnded(atMicros: number): void {
    if (this.endedAt === unset || atMicros < this.endedAt) {
      if (this.endedAt !== unset) this.#again({ kind: 'removed', atMicros: this.endedAt });
      this.endedAt = atMicros;
    } else if (atMicros !== this.endedAt) {
      this.#again({ kind: 'removed', atMicros });
    }
    this.#saw(atMicros);
  }

  addTried(atMicros: number): void {
    if (atMicros > this.triedAt) this.triedAt = atMicros;
    this.#saw(atMicros);
  }

  addOutcome(outcome: Outcome): void {
    this.outcomes ??= [];
    this.outcomes.push(outcome);
    this.#saw(outcome.atMicros);
  }

  addHeld(atMicros: number): void {
    if (this.heldAt === unset || atMicros < this.heldAt) {
      if (this.heldAt !== unset) this.#again({ kind: 'held', atMicros: this.heldAt });
      this.heldAt = atMicros;
    } else if (atMicros !== this.heldAt) {
      this.#again({ kind: 'held', atMicros });
    }
    this.#saw(atMicros);
  }

  /** A fact that has no field of its own. */
  addOther(fact: Fact): void {
    this.odd = true;
    this.more ??= [];
    this.more.push(fact);
    this.#saw(fact.atMicros);
  }

  /** All that is known, as the core has it. */
  facts(): Fact[] {
    const facts: Fact[] = [];
    const { startAt, client, login, origQueueId, sender } = this;
    if (startAt !== unset) {
      facts.push({
        kind: 'accepted',
        atMicros: startAt,
        client,
        ...(login !== undefined && { login }),
        ...(origQueueId !== undefined && { origQueueId }),
      });
    }
    if (this.messageIdAt !== unset)
      facts.push({ kind: 'messageId', atMicros: this.messageIdAt, hash: hashText(this.messageId) });
    if (this.queuedAt !== unset) facts.push({ ...queuing, atMicros: this.queuedAt, sender });
    if (this.heldAt !== unset) facts.push({ kind: 'held', atMicros: this.heldAt });
    if (this.triedAt !== unset) facts.push(tried(this.triedAt));
    if (this.endedAt !== unset) facts.push({ kind: 'removed', atMicros: this.endedAt });
    if (this.outcomes !== undefined) facts.push(...this.outcomes);
    if (this.more !== undefined) facts.push(...this.more);
    return facts;
  }

  /** The messages that this ID named. */
  lives(): Message[] {
    const { place, queueId } = this;
    if (!this.simple) return livesOf(place.relay.name, { instance: place.instance, queueId, facts: this.facts() });
    const life: { -readonly [K in keyof Message]: Message[K] } = {
      relay: place.relay.name,
      instance: place.instance,
      queueId,
      acceptedAtMicros: this.beginning,
      notice: false,
      outcomes: this.triedAt === unset ? (this.outcomes ?? []) : [tried(this.triedAt), ...(this.outcomes ?? [])],
    };
    if (this.startAt !== unset) life.client = this.client;
    if (this.login !== undefined) life.login = this.login;
    if (this.origQueueId !== undefined) life.origQueueId = this.origQueueId;
    if (this.messageIdAt !== unset) life.messageIdHash = hashText(this.messageId);
    if (this.queuedAt !== unset) {
      life.queuedAtMicros = this.queuedAt;
      life.sender = this.sender;
    }
    if (this.heldAt !== unset) life.heldAtMicros = this.heldAt;
    if (this.endedAt !== unset) life.removedAtMicros = this.endedAt;
    return [life];
  }

  /** When the one life of a simple trace began. */
  get beginning(): number {
    if (this.long) return longIdMicros(this.queueId) ?? this.startAt;
    return this.startAt === unset ? this.#earliest() : this.startAt;
  }

  /**
   * What a field holds already, at another time (a retry, a second hold). The first one counts, unless a beginning that
   * lies between is still to come.
   */
  #again(fact: Fact): void {
    if (this.long || (this.settled && !this.odd)) return;
    this.more ??= [];
    this.more.push(fact);
  }

  #saw(atMicros: number): void {
    if (atMicros > this.lastAt) this.lastAt = atMicros;
    if (atMicros < this.startAt) this.early = true;
  }

  #earliest(): number {
    let earliest = Number.POSITIVE_INFINITY;
    if (this.messageIdAt !== unset) earliest = this.messageIdAt;
    if (this.queuedAt !== unset && this.queuedAt < earliest) earliest = this.queuedAt;
    if (this.heldAt !== unset && this.heldAt < earliest) earliest = this.heldAt;
    if (this.triedAt !== unset && this.triedAt < earliest) earliest = this.triedAt;
    if (this.endedAt !== unset && this.endedAt < earliest) earliest = this.endedAt;
    if (this.outcomes !== undefined) for (const { atMicros } of this.outcomes) earliest = Math.min(earliest, atMicros);
    return earliest;
  }
}

const queuing = { kind: 'queued', sizeBytes: 0, recipients: 0 } as const;

function tried(atMicros: number): Outcome {
  return { kind: 'outcome', atMicros, recipient: '', status: 'deferred', reply: 'other' };
}

/** A message-id's hash as the core compares it: texts of one length, in the order of the numbers. */
export function hashText(hash: number): string {
  return String(hash >>> 0).padStart(10, '0');
}
