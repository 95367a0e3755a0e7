import type { Fact } from '../correlate/facts.ts';
import type { OwnHost } from '../correlate/links.ts';
import { sameLifeMicros } from '../correlate/lives.ts';
import { isMessage, type Message } from '../correlate/message.ts';
import { Carried } from './carried.ts';
import { Closure } from './closure.ts';
import { HashSet } from './hash-set.ts';
import { Judge } from './judge.ts';
import { type Key, keyOf } from './key.ts';
import * as kind from './kind.ts';
import { PlainLife, textFrom } from './life.ts';
import type { OpenIds } from './open-ids.ts';
import type { OwnAddresses } from './own-addresses.ts';
import type { Places } from './place.ts';
import { readAddress } from './plain.ts';
import type { Printed } from './printed.ts';
import { PlainRow, type RowSink, rowOf } from './row.ts';
import type { Segment } from './segment.ts';
import type { Window } from './window.ts';

const anyPlace = -1;
const z = 'z';

export interface DocketOptions {
  readonly window: Window;
  readonly places: Places;
  readonly own: OwnAddresses;
  readonly ownHost: OwnHost;
  readonly sink: RowSink;
  readonly printed: Printed;
  /** Where rows wait for the end of their lives. */
  readonly openIds: OpenIds | undefined;
  /** Takes an ID that the window cannot tell about. */
  readonly ask: (one: number) => void;
}

/** Judges the lines that name an account or a link, and has the rows printed that follow. */
export class Docket {
  readonly #options: DocketOptions;
  readonly #judge: Judge;
  readonly #closure: Closure;
  readonly #carried = new Carried();
  readonly #life: PlainLife;
  readonly #row = new PlainRow();
  /** IDs that have an owner: when they come again, it may be the same line once more. */
  readonly #owned = new HashSet(27);
  /** IDs that something was made from, and that nobody had told about. Their lines may still come, late. */
  readonly #orphaned = new HashSet(20);

  constructor(options: DocketOptions) {
    const { window, places, own, ownHost } = options;
    this.#options = options;
    this.#life = new PlainLife(window);
    this.#judge = new Judge(window, places, own);
    this.#closure = new Closure(window, places, own, ownHost, this.#carried);
  }

  /** Judges the ID of an entry; false if that has to wait for other lines. */
  judge(segment: Segment, entry: number, zone: string): boolean {
    const { window, openIds, ask } = this.#options;
    openIds?.follow(segment, entry, zone);
    const what = segment.kind(entry);
    if (what !== kind.login && what !== kind.named && what !== kind.forwarded && what !== kind.other) return true;
    if (what === kind.named && segment.isDone(entry)) return true;
    const one = segment.one(entry);
    const isLate = entry >= segment.keptCount && segment.atMicros(entry) <= window.givenUpMicros;
    if (isLate && (this.#owned.has(one) || this.#orphaned.has(one))) {
      ask(one);
      return true;
    }
    const isDecided = this.judgeAgain(segment, entry, zone);
    if (!isDecided && isLate) ask(one);
    return isDecided || isLate;
  }

  /** The same of an entry that waited: not late, though the log has gone on. */
  judgeAgain(segment: Segment, entry: number, zone: string): boolean {
    const what = segment.kind(entry);
    const one = segment.one(entry);
    if (what !== kind.other && this.#options.openIds?.countsOutcomes !== true) {
      const place = what === kind.named ? anyPlace : segment.place(entry);
      const isDecided = this.#judgePlain(one, segment.other(entry), place, segment.atMicros(entry));
      if (isDecided !== undefined) return isDecided;
    }
    return this.#judgeByCore({ one, other: segment.other(entry) }, zone);
  }

  /** An entry that waited in vain: what it needs is out of the window, or nowhere. */
  giveUp(segment: Segment, entry: number, zone: string): void {
    const { ask } = this.#options;
    const one = segment.one(entry);
    // It names its account: what it lacked was a message.
    if (segment.kind(entry) === kind.login) return;
    const { missing } = this.#closure.judge({ one, other: segment.other(entry) }, zone);
    const owned = missing.filter((each) => this.#owned.has(each));
    if (owned.length === 0 && !(missing.includes(one) && this.#owned.has(segment.one(entry - 1)))) {
      for (const each of missing) this.#orphaned.add(each);
      return;
    }
    ask(one);
    owned.forEach(ask);
  }

  /** A segment leaves the window. */
  leave(segment: Segment, zone: string): void {
    this.#carried.endWith(segment, zone);
  }

  /** As `judge`, where everything is plain; undefined if it is not. */
  #judgePlain(one: number, other: number, place: number, atMicros: number): boolean | undefined {
    const { places, sink, printed, openIds } = this.#options;
    const life = this.#life;
    if (!life.read(one, other, place, atMicros) || (place === anyPlace && !life.isAlone)) return undefined;
    if (life.isDone) return true;
    const { segment, entry } = life.accepted;
    if (segment === undefined) return false;
    const verdict = this.#judge.ownerOf(life);
    if (verdict === 'unclear') return undefined;
    if (verdict === 'nobodys') return true;
    const { owner } = this.#judge;
    const row = this.#row;
    // Evidence of other kinds is the core's to weigh.
    if (life.queued.segment === undefined) return life.isTried ? undefined : false;
    if (owner.segment === undefined || !life.readQueued(row.sender, row.recipients)) return undefined;
    row.place = places.of(life.place);
    row.queueId.chunk = segment.chunk;
    row.queueId.from = segment.idFrom(entry);
    row.queueId.end = segment.idEnd(entry);
    row.login.chunk = owner.segment.chunk;
    row.login.from = owner.from;
    row.login.end = owner.end;
    row.acceptedAtMicros = life.startMicros;
    row.attribution = segment.kind(entry) === kind.login ? 'direct' : 'derived';
    row.sender.chunk = life.queued.segment.chunk;
    row.recipients.chunk = row.sender.chunk;
    row.client.chunk = segment.chunk;
    readAddress(segment.chunk.view, textFrom(segment, entry), segment.end(entry), row.client);
    segment.setDone(entry);
    // The delivery that named it need not be looked at again. A login's may be meant for another instance.
    if (row.attribution === 'derived') life.named.segment?.setDone(life.named.entry);
    this.#owned.add(one);
    if (openIds === undefined) {
      printed.add(one, life.place, life.startMicros);
      sink.plain(row);
    } else if (!life.isRemoved && life.untilMicros === Number.POSITIVE_INFINITY) {
      const start: Fact = { kind: 'accepted', atMicros: life.startMicros, client: '' };
      openIds.add({ one, other }, row.toIdRow(), false, [start]);
    }
    if (!life.isEnded) this.#carryPlain(life, segment, entry);
    return true;
  }

  #judgeByCore(key: Key, zone: string): boolean {
    const { places, sink, printed, openIds } = this.#options;
    const { chains, attributions, missing } = this.#closure.judge(key, zone);
    let isDecided = missing.length === 0;
    for (const { message, login } of attributions) {
      if (!this.#isAbout(message, key)) continue;
      // Its mail may still come; whose it is is known.
      if (!isMessage(message)) {
        isDecided = false;
        continue;
      }
      isDecided = true;
      if (this.#markDone(key, message) || this.#isCarried(key, message)) continue;
      this.#owned.add(key.one);
      this.#carryMessage(key, message, login);
      const row = rowOf(message, login, openIds !== undefined);
      if (openIds !== undefined) {
        const facts = chains.factsOf(places.at(message.relay, message.instance), message.queueId);
        openIds.add(key, row, message.removedAtMicros !== undefined, facts);
        continue;
      }
      printed.add(key.one, places.at(message.relay, message.instance).number, message.acceptedAtMicros);
      sink.row(row);
    }
    return isDecided;
  }

  #isAbout({ relay, queueId }: Message, { one, other }: Key): boolean {
    const key = keyOf(queueId, this.#options.places.relay(relay));
    return key.one === one && key.other === other;
  }

  /** What is carried has its row. */
  #isCarried(key: Key, { relay, instance, acceptedAtMicros }: Message): boolean {
    const place = this.#options.places.at(relay, instance).number;
    return this.#carried
      .of(key)
      .some((life) => life.place === place && Math.abs(life.startMicros - acceptedAtMicros) <= sameLifeMicros);
  }

  /** Carries a plain life that has an owner. */
  #carryPlain(life: PlainLife, segment: Segment, entry: number): void {
    const { place, startMicros, queuedMicros } = life;
    const key = { one: segment.one(entry), other: segment.other(entry) };
    const queueId = segment.chunk.bytes.toString('latin1', segment.idFrom(entry), segment.idEnd(entry));
    const { login = '' } = this.#judge;
    this.#carried.add({ key, place, queueId, login, startMicros, queuedMicros, messageId: life.messageIdText() });
  }

  #carryMessage(key: Key, message: Message, login: string): void {
    const { window, places } = this.#options;
    if ((message.removedAtMicros ?? Number.POSITIVE_INFINITY) < window.youngestMicros) return;
    const {
      queueId,
      acceptedAtMicros: startMicros,
      queuedAtMicros: queuedMicros = -1,
      messageIdHash: messageId,
    } = message;
    const place = places.at(message.relay, message.instance).number;
    this.#carried.add({ key, place, queueId, login, startMicros, queuedMicros, messageId });
  }

  /** Marks the lines with which a life began; true if they are. */
  #markDone({ one, other }: Key, { relay, instance, queueId, acceptedAtMicros }: Message): boolean {
    const place = this.#options.places.at(relay, instance).number;
    const isLong = queueId.includes(z);
    let isDone = false;
    for (const segment of this.#options.window.segments) {
      for (let entry = segment.last(one, other); entry >= 0; entry = segment.before(entry)) {
        if (segment.place(entry) !== place || segment.kind(entry) === kind.named) continue;
        if (!isLong && segment.atMicros(entry) !== acceptedAtMicros) continue;
        isDone ||= segment.isDone(entry);
        segment.setDone(entry);
      }
    }
    return isDone;
  }
}
