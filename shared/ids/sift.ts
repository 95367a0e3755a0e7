import { parseLine } from '../parse/line.ts';
import type { LogRecord } from '../parse/record.ts';
import type { LogClock } from './clock.ts';
import { type Key, setKey } from './key.ts';
import { type Lane, type Origin, Origins } from './origin.ts';
import type { OwnAddresses } from './own-addresses.ts';
import type { Place, Places } from './place.ts';
import { activeTail, clientMark, endOfClient, methodMark, origIdMark } from './plain.ts';
import { isIdAt } from './plain-id.ts';
import { type Chunk, indexOfByte, indexOfEither, isAt, patternOf } from './words.ts';

/**
 * What a line that speaks of a queue ID looks like at first sight. Only `other` was read by the parser; of the rest the
 * beginning (of some the end) is as the form has it, and who wants to believe more has to look (plain.ts).
 */
export const kind = {
  other: 0,
  /** `client=` of a client without a login: to the line's end nothing else. */
  accepted: 1,
  /** `client=…, sasl_method=…, sasl_username=…`. */
  login: 2,
  /** `client=…, orig_queue_id=…`, from XFORWARD. */
  forwarded: 3,
  messageId: 4,
  /** qmgr's `from=<… (queue active)`. */
  queued: 5,
  removed: 6,
  delivered: 7,
  /** A delivery whose reply names this ID, by one of our own hosts: the line is the parent's. */
  named: 8,
} as const;
export type Kind = (typeof kind)[keyof typeof kind];

/** A line about a queue ID; one object is used for all of them. */
export interface Sighting {
  kind: Kind;
  key: Key;
  /** Of the program that wrote the line. */
  place: Place;
  atMicros: number;
  /** The line, without its end. */
  from: number;
  end: number;
  /** The ID in it. */
  idFrom: number;
  idEnd: number;
}

export interface SightingSink {
  saw(chunk: Chunk, sighting: Sighting): void;
  /** A line that only the parser could read; `[from, end)`. */
  parsed(chunk: Chunk, record: LogRecord, from: number, end: number): void;
}

const messageIdMark = patternOf('message-id=');
const resentMark = patternOf('resent-message-id=');
const removedText = patternOf('removed');
const senderMark = patternOf('from=<');
const recipientMark = patternOf('to=<');
const relayMark = patternOf(', relay=');
const queuedAsMark = patternOf(' queued as ');
const forwardedAsMark = patternOf('(forwarded as ');

const proxiedMark = patternOf('NOQUEUE: client=');
const proxyMark = patternOf('proxy-accept: ');
const lossMarks = ['lost connection after ', 'timeout after ', 'too many errors after '].map(patternOf);
const dataMark = patternOf('DATA');
const chunkMark = patternOf('BDAT');

const newline = 10;
const carriageReturn = 13;
const blank = 32;
const comma = 44;
const colon = 58;
const greater = 62;
const bracket = 91;
const closingBracket = 93;
const parenthesis = 41;
/** And the colon. */
const maxId = 27;
/** Longer ones take the parser. */
const maxOrigin = 96;
const nowhere: Place = { relay: { name: '', salt: 0 }, instance: '', number: -1, used: false };

/**
 * Finds the lines that speak of queue IDs, and which, from their bytes; nothing is decoded. What does not look plain is
 * read by `parseLine`, the one grammar.
 */
export class Sifter {
  /** Read so far; of those, what told something of mail; and what no grammar could read. */
  lines = 0;
  records = 0;
  malformed = 0;
  readonly #sink: SightingSink;
  readonly #origins: Origins;
  readonly #own: OwnAddresses;
  readonly #seen: Sighting = {
    kind: kind.other,
    key: { one: 0, other: 0 },
    place: nowhere,
    atMicros: 0,
    from: 0,
    end: 0,
    idFrom: 0,
    idEnd: 0,
  };

  constructor(sink: SightingSink, places: Places, own: OwnAddresses) {
    this.#sink = sink;
    this.#origins = new Origins(places);
    this.#own = own;
  }

  /**
   * Reads the whole lines in `[from, end)` until one is newer than `untilMicros`, to the minute. Returns the index after
   * the last one's newline.
   */
  read(chunk: Chunk, from: number, end: number, clock: LogClock, untilMicros: number): number {
    let at = from;
    while (clock.nowMicros <= untilMicros) {
      const newlineAt = chunk.bytes.indexOf(newline, at);
      if (newlineAt < 0 || newlineAt >= end) return at;
      this.lines += 1;
      let lineEnd = newlineAt;
      while (lineEnd > at && chunk.view.getUint8(lineEnd - 1) === carriageReturn) lineEnd -= 1;
      if (!this.#line(chunk, at, lineEnd, clock)) this.#parse(chunk, at, lineEnd, clock);
      at = newlineAt + 1;
    }
    return at;
  }

  #parse(chunk: Chunk, from: number, end: number, clock: LogClock): void {
    const parsed = parseLine(chunk.bytes.toString('utf8', from, end), clock.context);
    if ('malformed' in parsed) this.malformed += 1;
    if (!('ok' in parsed)) return;
    this.records += 1;
    clock.saw(parsed.ok.atMicros);
    this.#sink.parsed(chunk, parsed.ok, from, end);
  }

  /** Reads the line in `[at, end)`; false if that takes the parser. */
  #line(chunk: Chunk, at: number, end: number, clock: LogClock): boolean {
    const { view } = chunk;
    if (!clock.read(chunk, at, end)) return false;
    const originFrom = clock.end + 1;
    const limit = Math.min(end, originFrom + maxOrigin);
    const open = indexOfByte(view, bracket, originFrom, limit);
    if (open === limit) return false;
    const origin = this.#origins.at(chunk, originFrom, open);
    if (origin.lane === 'parse') return false;
    const textFrom = endOfPid(view, open + 1, end);
    // Solaris puts a message tag in front of the text.
    if (textFrom < 0 || view.getUint8(textFrom) === bracket) return false;
    if (origin.place === undefined) return true;
    const seen = this.#seen;
    seen.from = at;
    seen.end = end;
    seen.atMicros = clock.micros;
    return this.#text(chunk, textFrom, end, origin, origin.place);
  }

  /** Reads a program's text in `[at, end)`; false if that takes the parser. */
  #text(chunk: Chunk, at: number, end: number, origin: Origin, place: Place): boolean {
    const { view } = chunk;
    if (origin.lane === 'smtpd' && isOfTransaction(view, at, end)) return false;
    const limit = Math.min(at + maxId, end);
    const idEnd = indexOfByte(view, colon, at, limit);
    // Some loggers drop the colon. Without an ID, nothing is said of one.
    if (idEnd >= limit - 1 || view.getUint8(idEnd + 1) !== blank)
      return !isIdAt(chunk, at, indexOfByte(view, blank, at, limit));
    const seen = this.#seen;
    seen.place = place;
    seen.idFrom = at;
    seen.idEnd = idEnd;
    return this.#record(chunk, idEnd + 2, end, origin.lane, place) || !isIdAt(chunk, at, idEnd);
  }

  /** Reads what follows an ID in `[from, end)`; false if that takes the parser. */
  #record(chunk: Chunk, from: number, end: number, lane: Lane, place: Place): boolean {
    const { view } = chunk;
    switch (lane) {
      case 'smtpd':
        return this.#acceptance(chunk, from, end, place);
      case 'cleanup':
        if (isAt(view, from, end, messageIdMark)) return this.#saw(chunk, kind.messageId, place);
        // The core has no use for it.
        return isAt(view, from, end, resentMark);
      case 'qmgr':
        return this.#qmgr(chunk, from, end, place);
      case 'delivery':
        return this.#delivery(chunk, from, end, place);
      default:
        return false;
    }
  }

  /** What names an account or a link has to be about an ID (`NOQUEUE` is none). The rest is looked up only by IDs. */
  #saw(chunk: Chunk, what: Kind, place: Place): boolean {
    const seen = this.#seen;
    if ((what === kind.login || what === kind.forwarded) && !isIdAt(chunk, seen.idFrom, seen.idEnd)) return false;
    this.records += 1;
    seen.kind = what;
    setKey(seen.key, chunk.view, seen.idFrom, seen.idEnd, place.relay);
    this.#sink.saw(chunk, seen);
    return true;
  }

  #acceptance(chunk: Chunk, from: number, end: number, place: Place): boolean {
    const { view } = chunk;
    if (!isAt(view, from, end, clientMark)) return false;
    const clientEnd = endOfClient(view, from + clientMark.length, end);
    if (clientEnd === end) return this.#saw(chunk, kind.accepted, place);
    if (clientEnd < 0) return false;
    if (isAt(view, clientEnd, end, methodMark)) return this.#saw(chunk, kind.login, place);
    return isAt(view, clientEnd, end, origIdMark) && this.#saw(chunk, kind.forwarded, place);
  }

  #qmgr(chunk: Chunk, from: number, end: number, place: Place): boolean {
    const { view } = chunk;
    if (end - from === removedText.length && isAt(view, from, end, removedText))
      return this.#saw(chunk, kind.removed, place);
    const isActive = isAt(view, from, end, senderMark) && isAt(view, end - activeTail.length, end, activeTail);
    return isActive && this.#saw(chunk, kind.queued, place);
  }

  /** `to=<…>, relay=…`, whose reply may name a child. */
  #delivery(chunk: Chunk, from: number, end: number, place: Place): boolean {
    const { view } = chunk;
    // Another text: what the remote said, for the administrator.
    if (!isAt(view, from, end, recipientMark)) return true;
    if (view.getUint8(end - 1) !== parenthesis) return this.#saw(chunk, kind.delivered, place);
    let idFrom = end - 1;
    for (; idFrom > from; idFrom--) {
      const code = view.getUint8(idFrom - 1);
      if (!((code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122))) break;
    }
    if (isAt(view, idFrom - forwardedAsMark.length, end, forwardedAsMark)) return false;
    if (!isAt(view, idFrom - queuedAsMark.length, end, queuedAsMark)) return this.#saw(chunk, kind.delivered, place);
    // The first `, relay=`. Where there is another one, or a quoted recipient holds it, no claim is believed anyway.
    const relayFrom = indexOfByte(view, greater, from + recipientMark.length, end) + 1;
    if (!isAt(view, relayFrom, end, relayMark)) return false;
    const open = indexOfEither(view, bracket, comma, relayFrom + relayMark.length, end);
    if (open === end || view.getUint8(open) !== bracket) return this.#saw(chunk, kind.delivered, place);
    const close = indexOfByte(view, closingBracket, open + 1, end);
    const child = this.#own.relayAt(chunk, open + 1, close, place.relay);
    this.#saw(chunk, kind.delivered, place);
    if (child === undefined || !isIdAt(chunk, idFrom, end - 1)) return true;
    const seen = this.#seen;
    seen.kind = kind.named;
    seen.idFrom = idFrom;
    seen.idEnd = end - 1;
    setKey(seen.key, view, idFrom, end - 1, child);
    this.#sink.saw(chunk, seen);
    return true;
  }
}

/** Whether smtpd's text at `at` tells of a transaction without an ID, in a way that the core has a use for. */
function isOfTransaction(view: DataView, at: number, end: number): boolean {
  switch (at < end ? view.getUint8(at) : 0) {
    case 78: // N
      return isAt(view, at, end, proxiedMark);
    case 112: // p
      return isAt(view, at, end, proxyMark);
    case 108: // l
    case 116: // t
      return isLoss(view, at, end);
    default:
      return false;
  }
}

function isLoss(view: DataView, at: number, end: number): boolean {
  const mark = lossMarks.find((each) => isAt(view, at, end, each));
  if (mark === undefined) return false;
  const after = at + mark.length;
  return isAt(view, after, end, dataMark) || isAt(view, after, end, chunkMark);
}

/** Index of the text after `PID]: `, the number beginning at `from`; -1 if that is not what stands there. */
function endOfPid(view: DataView, from: number, end: number): number {
  let at = from;
  let code = 0;
  for (; at < end; at++) {
    code = view.getUint8(at);
    if (code < 48 || code > 57) break;
  }
  if (code !== closingBracket || at === from || at - from > 9 || at + 4 > end) return -1;
  return view.getUint8(at + 1) === colon && view.getUint8(at + 2) === blank ? at + 3 : -1;
}
