import { agreeMicros } from '../correlate/links.ts';
import { type Key, setKey } from './key.ts';
import * as kind from './kind.ts';
import { PlainLife, textFrom } from './life.ts';
import type { OwnAddresses } from './own-addresses.ts';
import type { Places } from './place.ts';
import { isPlainClaim, type Range, readAddress, readLogin, readOrigId } from './plain.ts';
import { isIdAt } from './plain-id.ts';
import type { Segment } from './segment.ts';
import type { Window } from './window.ts';
import { isSame } from './words.ts';

/** Longer chains are left to the core. */
const maxHops = 8;
const anyPlace = -1;

/** A login in the window. */
export interface Owner extends Range {
  segment: Segment | undefined;
}

/**
 * Whose a life is, where all that bears on it is plain. What the core says of the same lines (lives.ts, links.ts of
 * shared/correlate), without making objects of them.
 *
 * - `owned`: the owner is in `owner`
 * - `nobodys`: no account's for certain
 * - `unclear`: the core has to tell
 */
export type Verdict = 'owned' | 'nobodys' | 'unclear';

export class Judge {
  readonly owner: Owner = { segment: undefined, from: 0, end: 0 };
  readonly #places: Places;
  readonly #own: OwnAddresses;
  /** One for each hop. */
  readonly #lives: readonly PlainLife[];
  readonly #parent: Key = { one: 0, other: 0 };
  readonly #range: Range = { from: 0, end: 0 };
  readonly #childId: Range = { from: 0, end: 0 };

  constructor(window: Window, places: Places, own: OwnAddresses) {
    this.#lives = Array.from({ length: maxHops }, () => new PlainLife(window));
    this.#places = places;
    this.#own = own;
  }

  /** Whose `life` is: by its own login, or by whom it was made from. */
  ownerOf(life: PlainLife, hop = 0): Verdict {
    const { segment, entry } = life.accepted;
    if (segment === undefined) return 'unclear';
    const what = segment.kind(entry);
    if (what === kind.login) return this.#ownLogin(segment, entry);
    const isForwarded = what === kind.forwarded && this.#isOwnClient(segment, entry, life.place);
    if (life.named.segment === undefined && !isForwarded) return 'nobodys';
    const parent = this.#lives[hop];
    if (parent === undefined || !life.isAlone || !life.hasOneParent) return 'unclear';

    const { named } = life;
    let place = anyPlace;
    if (named.segment !== undefined) {
      if (!isClaim(named.segment, named.entry)) return 'unclear';
      this.#parent.one = named.segment.one(named.entry - 1);
      this.#parent.other = named.segment.other(named.entry - 1);
      place = named.segment.place(named.entry - 1);
    }
    if (isForwarded && !this.#agreesWithForwarded(segment, entry, life.place, named.segment !== undefined))
      return 'unclear';
    // A message is not made from itself, though one ID may have named both.
    if (this.#parent.one === segment.one(entry) && this.#parent.other === segment.other(entry)) return 'unclear';
    const linkedMicros = named.segment?.atMicros(named.entry) ?? life.startMicros;
    if (!parent.read(this.#parent.one, this.#parent.other, place, linkedMicros)) return 'unclear';
    if (parent.accepted.segment === undefined || (isForwarded && !parent.isAlone)) return 'unclear';
    switch (this.#agree(parent, life, linkedMicros)) {
      case undefined:
        return 'unclear';
      case false:
        return 'nobodys';
      default:
        return this.ownerOf(parent, hop + 1);
    }
  }

  /** The login of the owner found last. */
  get login(): string | undefined {
    const { segment, from, end } = this.owner;
    return segment?.chunk.bytes.toString('utf8', from, end);
  }

  #ownLogin(segment: Segment, entry: number): Verdict {
    const { owner } = this;
    owner.segment = segment;
    const { view } = segment.chunk;
    return readLogin(view, textFrom(segment, entry), segment.end(entry), owner) ? 'owned' : 'unclear';
  }

  /** Whether XFORWARD came from a host of ours. */
  #isOwnClient(segment: Segment, entry: number, place: number): boolean {
    const range = this.#range;
    readAddress(segment.chunk.view, textFrom(segment, entry), segment.end(entry), range);
    return this.#own.relayAt(segment.chunk, range.from, range.end, this.#places.of(place).relay) !== undefined;
  }

  /** The parent by XFORWARD, into `#parent`; false if it is no plain ID, or another one than the named one. */
  #agreesWithForwarded(segment: Segment, entry: number, place: number, isNamed: boolean): boolean {
    const { chunk } = segment;
    const [from, end] = [textFrom(segment, entry), segment.end(entry)];
    const range = this.#range;
    readAddress(chunk.view, from, end, range);
    const relay = this.#own.relayAt(chunk, range.from, range.end, this.#places.of(place).relay);
    if (relay === undefined || !readOrigId(chunk.view, from, end, range)) return false;
    if (!isIdAt(chunk, range.from, range.end)) return false;
    const { one, other } = this.#parent;
    setKey(this.#parent, chunk.view, range.from, range.end, relay);
    return !isNamed || (this.#parent.one === one && this.#parent.other === other);
  }

  /** As the core's `agrees`; undefined if a message-id is not plain. */
  #agree(parent: PlainLife, child: PlainLife, linkedMicros: number): boolean | undefined {
    const from = parent.queued.segment === undefined ? parent.startMicros : parent.queuedMicros;
    if (child.startMicros < from - agreeMicros || child.startMicros > linkedMicros + agreeMicros) return false;
    const ours = parent.messageId.segment;
    const theirs = child.messageId.segment;
    if (ours !== undefined && !parent.readMessageId(this.#range)) return undefined;
    if (theirs !== undefined && !child.readMessageId(this.#childId)) return undefined;
    if (ours === undefined || theirs === undefined) return true;
    const { from: idFrom, end: idEnd } = this.#range;
    const childId = this.#childId;
    if (idEnd - idFrom !== childId.end - childId.from) return false;
    return isSame(ours.chunk.view, idFrom, idEnd, theirs.chunk.view, childId.from);
  }
}

/** Whether the delivery behind a `named` entry is to be believed as it stands. */
function isClaim(segment: Segment, entry: number): boolean {
  const from = textFrom(segment, entry - 1);
  return isPlainClaim(segment.chunk, from, segment.end(entry), segment.idFrom(entry));
}
