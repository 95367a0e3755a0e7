import { one, other, setKey } from './queue-id';

/** A piece of a log, and the index of its lines; `../segment.ts` knows the same offsets. */
@unmanaged
export class Segment {
  bytes: usize;
  entries: usize;
  buckets: usize;
  bucketMask: u32;
  events: usize;
  count: u32;
  eventCount: u32;
  newestMicros: f64;
  strayMicros: f64;
}

/** A line about a queue ID. Indexes count from the segment's first byte. */
@unmanaged
class Entry {
  from: u32;
  end: u32;
  idFrom: u32;
  bits: u32;
  one: u32;
  other: u32;
  place: u32;
  next: i32;
  atMicros: f64;
}

const idShift = 8;
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
  place: u32,
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
  place: u32,
  atMicros: f64,
): u32 {
  const number = segment.count++;
  const bucket = segment.buckets + ((one & segment.bucketMask) << alignof<i32>());
  const entry = changetype<Entry>(segment.entries + number * offsetof<Entry>());
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
