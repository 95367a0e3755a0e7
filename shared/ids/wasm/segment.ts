import { one, other, setKey } from './queue-id';

/** A piece of a log, and the index of its lines; `../segment.ts` knows the same offsets. */
@unmanaged
export class Segment {
  bytes: usize;
  entries: usize;
  buckets: usize;
  bucketMask: u32;
  events: usize;
  filter: usize;
  count: u32;
  eventCount: u32;
  newestMicros: f64;
  strayMicros: f64;
}

/** A line about a queue ID. Indexes count from the segment's first byte. */
@unmanaged
export class Entry {
  from: u32;
  end: u32;
  idFrom: u32;
  bits: u32;
  one: u32;
  other: u32;
  place: i32;
  next: i32;
  atMicros: f64;

  get kind(): i32 {
    return this.bits & kindMask;
  }
  get idEnd(): u32 {
    return this.idFrom + ((this.bits >> idShift) & idMask);
  }
  get isDone(): bool {
    return (this.bits & doneBit) !== 0;
  }
}

const kindMask: u32 = 0xff;
const idShift: u32 = 8;
const idMask: u32 = 0xff;
const doneBit: u32 = 1 << 16;
const none: i32 = -1;
const dayMicros: f64 = 86_400_000_000;

/** Kinds that may lead to a row, a bit each. */
let eventKinds: u32 = 0;

export function setEventKinds(kinds: u32): void {
  eventKinds = kinds;
}

/** Indexes the line in `[from, end)`, by the ID in it and its relay's salt. */
export function saw(
  segment: Segment,
  what: i32,
  from: usize,
  end: usize,
  idFrom: usize,
  idEnd: usize,
  salt: u32,
  place: i32,
  atMicros: f64,
): void {
  const start = segment.bytes;
  setKey(idFrom, idEnd, salt);
  const lineFrom = <u32>(from - start);
  const lineEnd = <u32>(end - start);
  const inLine = <u32>(idFrom - start);
  const entry = add(segment, what, lineFrom, lineEnd, inLine, <u32>(idEnd - idFrom), one, other, place, atMicros);
  if (((eventKinds >> what) & 1) !== 0) addEvent(segment, entry);
}

export function add(
  segment: Segment,
  what: i32,
  from: u32,
  end: u32,
  idFrom: u32,
  idLength: u32,
  one: u32,
  other: u32,
  place: i32,
  atMicros: f64,
): u32 {
  const number = segment.count++;
  const bucket = segment.buckets + ((one & segment.bucketMask) << alignof<i32>());
  const entry = entryAt(segment, number);
  entry.from = from;
  entry.end = end;
  entry.idFrom = idFrom;
  entry.bits = what | (idLength << idShift);
  entry.one = one;
  entry.other = other;
  entry.place = place;
  entry.next = load<i32>(bucket);
  entry.atMicros = atMicros;
  store<i32>(bucket, number);
  const flags = flagsOf(segment, one);
  store<u8>(flags, load<u8>(flags) | flagOf(one));
  if (atMicros > segment.newestMicros) passed(segment, atMicros);
  return number;
}

/** One stray stamp moves the time not, two that agree do. */
function passed(segment: Segment, atMicros: f64): void {
  const nearest = min(abs(atMicros - segment.newestMicros), abs(atMicros - segment.strayMicros));
  if (nearest > dayMicros) segment.strayMicros = atMicros;
  else segment.newestMicros = atMicros;
}

export function addEvent(segment: Segment, entry: u32): void {
  store<u32>(segment.events + (segment.eventCount++ << alignof<u32>()), entry);
}

export function entryAt(segment: Segment, number: u32): Entry {
  return changetype<Entry>(segment.entries + number * offsetof<Entry>());
}

/** The last entry of an ID, or -1. */
export function last(segment: Segment, one: u32, other: u32): i32 {
  if ((load<u8>(flagsOf(segment, one)) & flagOf(one)) === 0) return none;
  return same(segment, load<i32>(segment.buckets + ((one & segment.bucketMask) << alignof<i32>())), one, other);
}

/** The first that is of the ID, from one on back in its chain. */
export function same(segment: Segment, first: i32, one: u32, other: u32): i32 {
  for (let number = first; number >= 0; ) {
    const entry = entryAt(segment, number);
    if (entry.one === one && entry.other === other) return number;
    number = entry.next;
  }
  return none;
}

/**
 * A flag for each value of a key's first 16 bits, set where an entry has it. Most IDs stand in one segment only: so few
 * bytes stay near, when looking for them in the buckets of the others would be waiting for memory.
 */
function flagsOf(segment: Segment, one: u32): usize {
  return segment.filter + (one >> 19);
}

function flagOf(one: u32): u8 {
  return (1 as u8) << (<u8>((one >> 16) & 7));
}
