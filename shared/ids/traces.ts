import type { Fact } from '../correlate/facts.ts';
import { livesOf, type Message } from '../correlate/lives.ts';
import { longIdMicros } from '../parse/queue-id.ts';
import { at, flag, type Outcome, TraceColumns, text } from './columns.ts';
import { type Chunk, chunkOf } from './words.ts';

const unset = -1;
const queuing = { kind: 'queued', sizeBytes: 0, recipients: 0 } as const;

/**
 * What lines say of queue IDs, gathered by ID. The first fact of each usual kind goes to the columns; what does not fit
 * there (a second start, a pickup …) goes to the side, and then the core itself tells the lives apart.
 */
export class Traces {
  readonly columns: TraceColumns;

  constructor(capacity: number) {
    this.columns = new TraceColumns(capacity);
  }

  /** One life, and all that counts of it in the columns. */
  isSimple(slot: number): boolean {
    const { columns } = this;
    return !columns.is(slot, flag.odd) && (columns.is(slot, flag.long) || !columns.is(slot, flag.early));
  }

  /** Whether any record of this ID names an account. */
  isNamed(slot: number): boolean {
    if (this.columns.textLength(slot, text.login) > 0) return true;
    const side = this.columns.side(slot);
    if (side === undefined) return false;
    return side.login !== undefined || (side.more?.some((fact) => fact.kind === 'accepted' && fact.login) ?? false);
  }

  /** Whether a simple trace is of a message that exists. */
  exists(slot: number): boolean {
    const { columns } = this;
    return (
      columns.time(slot, at.queued) >= 0 ||
      columns.time(slot, at.held) >= 0 ||
      columns.time(slot, at.tried) >= 0 ||
      columns.side(slot)?.outcomes !== undefined
    );
  }

  /** A start: smtpd's acceptance or pickup's line. */
  hasStart(slot: number): boolean {
    if (this.columns.time(slot, at.start) >= 0) return true;
    return this.columns.side(slot)?.more?.some(({ kind }) => kind === 'picked') ?? false;
  }

  text(slot: number, which: 1 | 2 | 3): string {
    const side = this.columns.side(slot);
    const long = which === text.client ? side?.client : which === text.login ? side?.login : side?.sender;
    return long ?? this.columns.textOf(slot, which);
  }

  /** The login's range is empty where there is none. */
  addAccepted(
    slot: number,
    atMicros: number,
    chunk: Chunk,
    clientFrom: number,
    clientEnd: number,
    loginFrom: number,
    loginEnd: number,
  ): void {
    const { columns } = this;
    const start = columns.time(slot, at.start);
    if (start === unset) {
      if (this.#earliest(slot) < atMicros) columns.mark(slot, flag.early);
      columns.setTime(slot, at.start, atMicros);
      this.#put(slot, text.client, chunk, clientFrom, clientEnd);
      this.#put(slot, text.login, chunk, loginFrom, loginEnd);
    } else if (
      start !== atMicros ||
      !this.#holds(slot, text.client, chunk, clientFrom, clientEnd) ||
      !this.#holds(slot, text.login, chunk, loginFrom, loginEnd)
    ) {
      const client = chunk.bytes.toString('utf8', clientFrom, clientEnd);
      const login = loginFrom === loginEnd ? undefined : chunk.bytes.toString('utf8', loginFrom, loginEnd);
      this.addOther(slot, { kind: 'accepted', atMicros, client, ...(login !== undefined && { login }) });
    }
    this.#saw(slot, atMicros);
  }

  addMessageId(slot: number, atMicros: number, hash: number): void {
    const { columns } = this;
    const known = columns.time(slot, at.messageId);
    if (known === unset) {
      columns.setTime(slot, at.messageId, atMicros);
      columns.setMessageId(slot, hash);
    } else if (columns.messageId(slot) !== hash || (known !== atMicros && !columns.is(slot, flag.long))) {
      this.addOther(slot, { kind: 'messageId', atMicros, hash: hashText(hash) });
    }
    this.#saw(slot, atMicros);
  }

  addQueued(slot: number, atMicros: number, chunk: Chunk, from: number, end: number): void {
    const { columns } = this;
    const known = columns.time(slot, at.queued);
    if (known === unset) {
      columns.setTime(slot, at.queued, atMicros);
      this.#put(slot, text.sender, chunk, from, end);
    } else if (atMicros < known) {
      this.#again(slot, { ...queuing, atMicros: known, sender: this.text(slot, text.sender) });
      columns.setTime(slot, at.queued, atMicros);
      this.#put(slot, text.sender, chunk, from, end);
    } else if (atMicros > known) {
      if (this.#mattersAgain(slot))
        this.#again(slot, { ...queuing, atMicros, sender: chunk.bytes.toString('utf8', from, end) });
    } else if (!this.#holds(slot, text.sender, chunk, from, end)) {
      this.addOther(slot, { ...queuing, atMicros, sender: chunk.bytes.toString('utf8', from, end) });
    }
    this.#saw(slot, atMicros);
  }

  addHeld(slot: number, atMicros: number): void {
    this.#addFirst(slot, at.held, 'held', atMicros);
  }

  /** Removed, purged or requeued. */
  addEnded(slot: number, atMicros: number): void {
    this.#addFirst(slot, at.ended, 'removed', atMicros);
  }

  addTried(slot: number, atMicros: number): void {
    if (atMicros > this.columns.time(slot, at.tried)) this.columns.setTime(slot, at.tried, atMicros);
    this.#saw(slot, atMicros);
  }

  addOutcome(slot: number, outcome: Outcome): void {
    const side = this.columns.makeSide(slot);
    side.outcomes ??= [];
    side.outcomes.push(outcome);
    this.#saw(slot, outcome.atMicros);
  }

  /** A fact that has no column of its own. */
  addOther(slot: number, fact: Fact): void {
    this.columns.mark(slot, flag.odd);
    const side = this.columns.makeSide(slot);
    side.more ??= [];
    side.more.push(fact);
    this.#saw(slot, fact.atMicros);
  }

  /** Puts a fact of the core where it belongs. */
  add(slot: number, fact: Fact): void {
    const { atMicros } = fact;
    switch (fact.kind) {
      case 'accepted': {
        const { client, login = '', origQueueId } = fact;
        if (origQueueId !== undefined && this.columns.time(slot, at.start) >= 0) {
          this.addOther(slot, fact);
          break;
        }
        const clientEnd = Buffer.byteLength(client);
        const both = chunkOf(Buffer.from(client + login));
        this.addAccepted(slot, atMicros, both, 0, clientEnd, clientEnd, both.bytes.length);
        if (origQueueId !== undefined) this.columns.makeSide(slot).origQueueId = origQueueId;
        break;
      }
      case 'messageId':
        // Empty: the message had none.
        if (fact.hash === '') this.addOther(slot, fact);
        else this.addMessageId(slot, atMicros, Number(fact.hash) | 0);
        break;
      case 'queued': {
        const sender = chunkOf(Buffer.from(fact.sender));
        this.addQueued(slot, atMicros, sender, 0, sender.bytes.length);
        break;
      }
      case 'outcome':
        this.addOutcome(slot, fact);
        break;
      case 'held':
        this.addHeld(slot, atMicros);
        break;
      case 'removed':
      case 'purged':
      case 'requeued':
        this.addEnded(slot, atMicros);
        break;
      case 'picked':
      case 'released':
      case 'notice':
        this.addOther(slot, fact);
        break;
    }
  }

  /** All that is known, as the core has it. */
  facts(slot: number): Fact[] {
    const { columns } = this;
    const side = columns.side(slot);
    const facts: Fact[] = [];
    const time = (which: number, fact: (atMicros: number) => Fact): void => {
      const atMicros = columns.time(slot, which);
      if (atMicros !== unset) facts.push(fact(atMicros));
    };
    const login = this.text(slot, text.login);
    const origQueueId = side?.origQueueId;
    time(at.start, (atMicros) => ({
      kind: 'accepted',
      atMicros,
      client: this.text(slot, text.client),
      ...(login !== '' && { login }),
      ...(origQueueId !== undefined && { origQueueId }),
    }));
    time(at.messageId, (atMicros) => ({ kind: 'messageId', atMicros, hash: hashText(columns.messageId(slot)) }));
    time(at.queued, (atMicros) => ({ ...queuing, atMicros, sender: this.text(slot, text.sender) }));
    time(at.held, (atMicros) => ({ kind: 'held', atMicros }));
    time(at.tried, tried);
    time(at.ended, (atMicros) => ({ kind: 'removed', atMicros }));
    facts.push(...(side?.outcomes ?? []), ...(side?.more ?? []));
    return facts;
  }

  /** The messages that this ID named. */
  lives(slot: number): Message[] {
    const { columns } = this;
    const { relay, instance } = columns.placeOf(slot);
    const queueId = columns.textOf(slot, text.id);
    if (!this.isSimple(slot)) return livesOf(relay.name, { instance, queueId, facts: this.facts(slot) });
    const side = columns.side(slot);
    const triedAt = columns.time(slot, at.tried);
    const life: { -readonly [K in keyof Message]: Message[K] } = {
      relay: relay.name,
      instance,
      queueId,
      acceptedAtMicros: this.beginning(slot),
      notice: false,
      outcomes: [...(triedAt === unset ? [] : [tried(triedAt)]), ...(side?.outcomes ?? [])],
    };
    if (columns.time(slot, at.start) >= 0) life.client = this.text(slot, text.client);
    if (this.isNamed(slot)) life.login = this.text(slot, text.login);
    if (side?.origQueueId !== undefined) life.origQueueId = side.origQueueId;
    if (columns.time(slot, at.messageId) >= 0) life.messageIdHash = hashText(columns.messageId(slot));
    const queuedAt = columns.time(slot, at.queued);
    if (queuedAt >= 0) {
      life.queuedAtMicros = queuedAt;
      life.sender = this.text(slot, text.sender);
    }
    const heldAt = columns.time(slot, at.held);
    if (heldAt >= 0) life.heldAtMicros = heldAt;
    const endedAt = columns.time(slot, at.ended);
    if (endedAt >= 0) life.removedAtMicros = endedAt;
    return [life];
  }

  /** When the one life of a simple trace began. */
  beginning(slot: number): number {
    const { columns } = this;
    const start = columns.time(slot, at.start);
    if (columns.is(slot, flag.long))
      return columns.longIdMicros(slot) ?? longIdMicros(columns.textOf(slot, text.id)) ?? start;
    return start === unset ? this.#earliest(slot) : start;
  }

  /** The first of its kind counts; of the others only that they might be another life's first. */
  #addFirst(slot: number, which: 3 | 4, kind: 'held' | 'removed', atMicros: number): void {
    const { columns } = this;
    const known = columns.time(slot, which);
    if (known === unset || atMicros < known) {
      columns.setTime(slot, which, atMicros);
      if (known !== unset) this.#again(slot, { kind, atMicros: known });
    } else if (atMicros !== known) {
      this.#again(slot, { kind, atMicros });
    }
    this.#saw(slot, atMicros);
  }

  /** What a column holds already, at another time (a retry, a second hold). */
  #again(slot: number, fact: Fact): void {
    if (!this.#mattersAgain(slot)) return;
    const side = this.columns.makeSide(slot);
    side.more ??= [];
    side.more.push(fact);
  }

  /** Whether a beginning that lies between two facts of a kind may still come, or is there. */
  #mattersAgain(slot: number): boolean {
    const { columns } = this;
    return !columns.is(slot, flag.long) && (!columns.is(slot, flag.settled) || columns.is(slot, flag.odd));
  }

  #saw(slot: number, atMicros: number): void {
    const { columns } = this;
    if (atMicros > columns.time(slot, at.last)) columns.setTime(slot, at.last, atMicros);
    else if (atMicros < columns.time(slot, at.start)) columns.mark(slot, flag.early);
  }

  #put(slot: number, which: 1 | 2 | 3, chunk: Chunk, from: number, end: number): void {
    const fits = this.columns.putText(slot, which, chunk.view, from, end);
    if (fits && this.columns.side(slot) === undefined) return;
    const side = this.columns.makeSide(slot);
    const long = fits ? undefined : chunk.bytes.toString('utf8', from, end);
    if (which === text.client) side.client = long;
    else if (which === text.login) side.login = long;
    else side.sender = long;
  }

  #holds(slot: number, which: 1 | 2 | 3, chunk: Chunk, from: number, end: number): boolean {
    if (this.columns.side(slot) === undefined) return this.columns.isText(slot, which, chunk.view, from, end);
    return this.text(slot, which) === chunk.bytes.toString('utf8', from, end);
  }

  #earliest(slot: number): number {
    const { columns } = this;
    let earliest = Number.POSITIVE_INFINITY;
    for (let which = 1; which < at.last; which++) {
      const time = columns.time(slot, which);
      if (time !== unset && time < earliest) earliest = time;
    }
    for (const { atMicros } of columns.side(slot)?.outcomes ?? []) earliest = Math.min(earliest, atMicros);
    return earliest;
  }
}

function tried(atMicros: number): Outcome {
  return { kind: 'outcome', atMicros, recipient: '', status: 'deferred', reply: 'other' };
}

/** A message-id's hash as the core compares it: texts of one length, in the order of the numbers. */
export function hashText(hash: number): string {
  return String(hash >>> 0).padStart(10, '0');
}
