import * as kind from '../kind';
import { isSame } from './bytes';
import { isLong, longMicros } from './queue-id';
import { Entry, entryAt, last, same, Segment } from './segment';

/**
 * What the window's lines say of one queue ID where that is plain; `../life.ts` knows the same offsets. Here because
 * it is asked for each row, and for what that was made from.
 */

const anyPlace: i32 = -1;
const none: i32 = -1;
/** What has more lines has no plain life. */
const maxEntries: u32 = 8192;
const maxSegments: u32 = 3;
const idEndMark: u32 = 2;

/** A line in the window: which segment, from the oldest on, or -1; and which entry. */
@unmanaged
class Spot {
  segment: i32;
  entry: u32;
}

@unmanaged
class Life {
  startMicros: f64;
  queuedMicros: f64;
  untilMicros: f64;
  fromMicros: f64;
  lastMicros: f64;
  endMicros: f64;
  place: i32;
  isAlone: i32;
  hasOneParent: i32;
  isDone: i32;
  isTried: i32;
  isRemoved: i32;
  isEnded: i32;
  acceptedSegment: i32;
  acceptedEntry: u32;
  queuedSegment: i32;
  queuedEntry: u32;
  messageIdSegment: i32;
  messageIdEntry: u32;
  namedSegment: i32;
  namedEntry: u32;

  get accepted(): Spot {
    return changetype<Spot>(changetype<usize>(this) + offsetof<Life>('acceptedSegment'));
  }
  get queued(): Spot {
    return changetype<Spot>(changetype<usize>(this) + offsetof<Life>('queuedSegment'));
  }
  get messageId(): Spot {
    return changetype<Spot>(changetype<usize>(this) + offsetof<Life>('messageIdSegment'));
  }
  get named(): Spot {
    return changetype<Spot>(changetype<usize>(this) + offsetof<Life>('namedSegment'));
  }
}

/** The one that is being read, and all lines of its ID. */
let life = changetype<Life>(0);
const spots = heap.alloc(maxEntries * offsetof<Spot>());
const segments = heap.alloc(maxSegments << alignof<usize>());
let youngest: i32 = none;
let agreeMicros: f64 = 0;
let sameLifeMicros: f64 = 0;

/** As the core has them. */
export function setTolerances(agree: f64, sameLife: f64): void {
  agreeMicros = agree;
  sameLifeMicros = sameLife;
}

/** The window's segments, oldest first; 0 for those that it has not yet. */
export function setWindow(first: usize, second: usize, third: usize): void {
  store<usize>(segments, first);
  store<usize>(segments + 4, second);
  store<usize>(segments + 8, third);
  youngest = third !== 0 ? 2 : second !== 0 ? 1 : 0;
}

function segmentAt(index: i32): Segment {
  return changetype<Segment>(load<usize>(segments + (index << alignof<usize>())));
}

function spotAt(index: u32): Spot {
  return changetype<Spot>(spots + index * offsetof<Spot>());
}

function entryOf(spot: Spot): Entry {
  return entryAt(segmentAt(spot.segment), spot.entry);
}

/**
 * Reads, into `found`, the life that an ID had at a time, at one place or wherever it has lines. False: that is not plain, and the
 * core has to tell its lives apart. Without an acceptance nothing is known of it.
 */
export function readLife(found: Life, one: u32, other: u32, place: i32, atMicros: f64): bool {
  life = found;
  reset(place);
  const count = gather(one, other);
  if (count < 0 || !findStart(count, atMicros)) return false;
  for (let index = 0; index < count; index++) {
    const spot = spotAt(index);
    const entry = entryOf(spot);
    if (entry.kind === kind.named) {
      if (!addNamed(spot, entry)) return false;
    } else if (entry.place === life.place && !add(spot, entry)) return false;
  }
  life.queuedMicros = life.queued.segment < 0 ? -1 : entryOf(life.queued).atMicros;
  // Another message, whose beginning nobody logged. A long ID has no other.
  return life.lastMicros <= life.endMicros || life.fromMicros === -Infinity;
}

function reset(place: i32): void {
  life.place = place;
  life.isAlone = 1;
  life.hasOneParent = 1;
  life.isDone = 0;
  life.isTried = 0;
  life.isRemoved = 0;
  life.isEnded = 0;
  life.accepted.segment = none;
  life.queued.segment = none;
  life.messageId.segment = none;
  life.named.segment = none;
  life.lastMicros = -Infinity;
  life.endMicros = Infinity;
}

/** All entries of an ID; -1 if they are too many. */
function gather(one: u32, other: u32): i32 {
  let count: u32 = 0;
  for (let index = 0; index <= youngest; index++) {
    const segment = segmentAt(index);
    let number = last(segment, one, other);
    while (number >= 0) {
      if (count === maxEntries) return none;
      const spot = spotAt(count++);
      spot.segment = index;
      spot.entry = number;
      const entry = entryAt(segment, number);
      number = same(segment, entry.next, one, other);
      if (entry.kind === kind.named) continue;
      if (life.place === anyPlace) life.place = entry.place;
      else if (entry.place !== life.place) life.isAlone = 0;
    }
  }
  return count;
}

/** When the life of that time began, and when the next one does. False if two could be meant. */
function findStart(count: i32, atMicros: f64): bool {
  let before = -Infinity;
  let from = -Infinity;
  let until = Infinity;
  for (let index = 0; index < count; index++) {
    const spot = spotAt(index);
    const entry = entryOf(spot);
    if (entry.place !== life.place || !isStart(entry.kind)) continue;
    const bytes = segmentAt(spot.segment).bytes;
    // A long ID names one message for ever.
    if (isLong(bytes + entry.idFrom, bytes + entry.idEnd)) {
      life.startMicros = longMicros(bytes + entry.idFrom, bytes + entry.idEnd);
      life.fromMicros = -Infinity;
      life.untilMicros = Infinity;
      return life.startMicros > 0;
    }
    const micros = entry.atMicros;
    if (micros > atMicros) until = min(until, micros);
    else if (micros > from) {
      before = from;
      from = micros;
    } else if (micros < from) before = max(before, micros);
  }
  life.fromMicros = from;
  life.untilMicros = until;
  life.startMicros = from;
  if (from === -Infinity) return count === 0;
  return from - before > sameLifeMicros && until > atMicros + agreeMicros;
}

function isStart(what: i32): bool {
  return what === kind.accepted || what === kind.login || what === kind.forwarded;
}

function add(spot: Spot, entry: Entry): bool {
  const micros = entry.atMicros;
  const what = entry.kind;
  // It may be a start of its own.
  if (what === kind.other)
    return micros < life.fromMicros - sameLifeMicros || micros >= life.untilMicros + sameLifeMicros;
  if (micros < life.fromMicros || micros >= life.untilMicros) return true;
  if (what === kind.removed) {
    life.isRemoved = 1;
    if (spot.segment !== youngest) life.isEnded = 1;
    life.endMicros = min(life.endMicros, micros);
    return true;
  }
  life.lastMicros = max(life.lastMicros, micros);
  switch (what) {
    case kind.accepted:
    case kind.login:
    case kind.forwarded:
      if (entry.isDone) life.isDone = 1;
      return isFirst(life.accepted, spot) || isRepeated(life.accepted, spot, micros);
    case kind.messageId:
      return isFirst(life.messageId, spot) || isSameText(life.messageId, spot);
    case kind.queued:
      return isFirst(life.queued, spot) || addQueued(spot, micros);
    case kind.delivered:
      life.isTried = 1;
      return true;
    default:
      return false;
  }
}

/** The first `queued` counts. */
function addQueued(spot: Spot, micros: f64): bool {
  const known = entryOf(life.queued).atMicros;
  if (micros === known) return isSameText(life.queued, spot);
  if (micros < known) take(life.queued, spot);
  return true;
}

/** False if it could be meant for the next life. */
function addNamed(spot: Spot, entry: Entry): bool {
  const micros = entry.atMicros;
  if (micros < life.fromMicros - agreeMicros || micros >= life.untilMicros) return true;
  if (micros >= life.untilMicros - agreeMicros) return false;
  if (isFirst(life.named, spot)) return true;
  // The line's own ID, the parent's, is indexed just before it.
  const parent = entryAt(segmentAt(spot.segment), spot.entry - 1);
  const known = entryAt(segmentAt(life.named.segment), life.named.entry - 1);
  if (parent.one !== known.one || parent.other !== known.other || parent.place !== known.place) life.hasOneParent = 0;
  if (micros > entryOf(life.named).atMicros) take(life.named, spot);
  return true;
}

function take(place: Spot, spot: Spot): void {
  place.segment = spot.segment;
  place.entry = spot.entry;
}

function isFirst(known: Spot, spot: Spot): bool {
  if (known.segment !== none) return false;
  take(known, spot);
  return true;
}

/** The same line once more. */
function isRepeated(known: Spot, spot: Spot, micros: f64): bool {
  return micros === entryOf(known).atMicros && isSameText(known, spot);
}

function isSameText(known: Spot, spot: Spot): bool {
  const length = entryOf(spot).end - textFrom(spot);
  if (length !== entryOf(known).end - textFrom(known)) return false;
  return isSame(
    segmentAt(spot.segment).bytes + textFrom(spot),
    segmentAt(known.segment).bytes + textFrom(known),
    length,
  );
}

/** Where the text after the ID begins, in a line that was recognised by it. */
function textFrom(spot: Spot): u32 {
  return entryOf(spot).idEnd + idEndMark;
}
