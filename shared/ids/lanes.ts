import { parseLine } from '../parse/line.ts';
import { endOfMechanism } from '../parse/mechanism.ts';
import type { LogRecord } from '../parse/record.ts';
import type { LogClock } from './clock.ts';
import { type Origin, Origins } from './origin.ts';
import { type Place, type Places, Relay } from './place.ts';
import {
  type Chunk,
  chunkOf,
  hashOf,
  indexOfByte,
  indexOfEither,
  isAscii,
  isAt,
  type Pattern,
  patternOf,
} from './words.ts';

/** Where a queue ID stands in the bytes of a line, and whose it is. */
export interface IdAt {
  place: Place;
  from: number;
  end: number;
  /** `hashOf`'s over its bytes. */
  hash: number;
}

/**
 * What the lanes tell, line by line. Times are microseconds, texts are ranges of the chunk. Each returns whether that is
 * all of the line: false where what stands there is no queue ID, and then the line takes the long way.
 */
export interface LaneSink {
  /** The login's range is empty where there is none. */
  accepted(
    chunk: Chunk,
    id: IdAt,
    atMicros: number,
    clientFrom: number,
    clientEnd: number,
    loginFrom: number,
    loginEnd: number,
  ): boolean;
  messageId(chunk: Chunk, id: IdAt, atMicros: number, hash: number): boolean;
  queued(chunk: Chunk, id: IdAt, atMicros: number, senderFrom: number, senderEnd: number): boolean;
  removed(chunk: Chunk, id: IdAt, atMicros: number): boolean;
  /** A delivery whose reply links nothing. */
  delivered(chunk: Chunk, id: IdAt, atMicros: number): boolean;
  /** Whether an address is one of our own hosts', so that its `queued as` may link. */
  isOwn(chunk: Chunk, from: number, end: number, place: Place): boolean;
  /** A line that went the long way. */
  parsed(record: LogRecord): void;
}

const clientMark = patternOf('client=');
const methodMark = patternOf(', sasl_method=');
const loginMark = patternOf(', sasl_username=');
const messageIdMark = patternOf('message-id=<');
const removedText = patternOf('removed');
const senderMark = patternOf('from=<');
const activeTail = patternOf(' (queue active)');
const recipientsMark = patternOf(', nrcpt=');
const sizeMark = patternOf('>, size=');
const connectMark = patternOf('connect from ');
const disconnectMark = patternOf('disconnect from ');
const recipientMark = patternOf('to=<');
const relayMark = patternOf(', relay=');
const queuedAsMark = patternOf(' queued as ');
const forwardedAsMark = patternOf('(forwarded as ');

const newline = 10;
const carriageReturn = 13;
const blank = 32;
const comma = 44;
const colon = 58;
const greater = 62;
const bracket = 91;
const closingBracket = 93;
const parenthesis = 41;
const maxAddress = 64;
const maxName = 255;
/** And the colon. */
const maxId = 27;

/**
 * Reads lines from bytes: the plain forms of the lines that tell of lives in fast lanes, everything else by `parseLine`,
 * the one grammar. A lane reads a form only where it cannot be read in any other way; the property test in
 * lanes.test.ts holds the two against each other. Nothing is decoded but what is kept.
 */
export class Lanes {
  readonly #sink: LaneSink;
  readonly #origins: Origins;
  /** Reused for each line. */
  readonly #id: IdAt = {
    place: { relay: new Relay('', -1), instance: '', number: -1, used: false },
    from: 0,
    end: 0,
    hash: 0,
  };
  /** Each delivery is wanted in full. */
  readonly #everyOutcome: boolean;
  #chunk: Chunk = chunkOf(Buffer.alloc(0));

  constructor(sink: LaneSink, places: Places, everyOutcome: boolean) {
    this.#sink = sink;
    this.#origins = new Origins(places);
    this.#everyOutcome = everyOutcome;
  }

  /**
   * Reads the whole lines in `[from, end)` until one is newer than `untilMicros`, to the minute. Returns the index after
   * the last one's newline.
   */
  read(bytes: Buffer, from: number, end: number, clock: LogClock, untilMicros: number): number {
    if (this.#chunk.bytes !== bytes) this.#chunk = chunkOf(bytes);
    const chunk = this.#chunk;
    let at = from;
    while (clock.nowMicros <= untilMicros) {
      const newlineAt = bytes.indexOf(newline, at);
      if (newlineAt < 0 || newlineAt >= end) return at;
      let lineEnd = newlineAt;
      while (lineEnd > at && bytes[lineEnd - 1] === carriageReturn) lineEnd -= 1;
      if (!this.#line(chunk, at, lineEnd, clock)) this.#parse(bytes, at, lineEnd, clock);
      at = newlineAt + 1;
    }
    return at;
  }

  /** One line by the one grammar. */
  #parse(bytes: Buffer, from: number, end: number, clock: LogClock): void {
    const parsed = parseLine(bytes.toString('utf8', from, end), clock.context);
    if (!('ok' in parsed)) return;
    clock.saw(parsed.ok.atMicros);
    this.#sink.parsed(parsed.ok);
  }

  /** Reads the line in `[at, end)`; false if it takes the long way. */
  #line(chunk: Chunk, at: number, end: number, clock: LogClock): boolean {
    const { view } = chunk;
    const atMicros = clock.read(chunk, at, end);
    if (atMicros < 0) return false;
    const originFrom = clock.end + 1;
    const open = indexOfByte(view, bracket, originFrom, end);
    if (open === end) return false;
    const origin = this.#origins.at(chunk.bytes, originFrom, open, hashOf(view, originFrom, open));
    if (origin.place === undefined) return false;

    let cursor = open + 1;
    let code = 0;
    for (; cursor < end; cursor++) {
      code = view.getUint8(cursor);
      if (code < 48 || code > 57) break;
    }
    const digits = cursor - open - 1;
    if (code !== closingBracket || digits < 1 || digits > 9 || cursor + 4 > end) return false;
    if (view.getUint8(cursor + 1) !== colon || view.getUint8(cursor + 2) !== blank) return false;
    return this.#text(chunk, cursor + 3, end, atMicros, origin, origin.place);
  }

  /** Reads a program's text in `[at, end)`; false if it takes the long way. */
  #text(chunk: Chunk, at: number, end: number, atMicros: number, origin: Origin, place: Place): boolean {
    const { view } = chunk;
    const limit = Math.min(at + maxId, end);
    const idEnd = indexOfByte(view, colon, at, limit);
    if (idEnd >= limit - 1 || view.getUint8(idEnd + 1) !== blank) {
      return origin.lane === 'smtpd' && (isAt(view, at, end, connectMark) || isAt(view, at, end, disconnectMark));
    }
    const id = this.#id;
    id.place = place;
    id.from = at;
    id.end = idEnd;
    id.hash = hashOf(view, at, idEnd);
    const from = idEnd + 2;
    switch (origin.lane) {
      case 'smtpd':
        return this.#acceptance(chunk, from, end, atMicros, id);
      case 'cleanup':
        return this.#messageId(chunk, from, end, atMicros, id);
      case 'qmgr':
        return this.#qmgr(chunk, from, end, atMicros, id);
      case 'delivery':
        return this.#delivery(chunk, from, end, atMicros, id, queuedAsMark);
      case 'local':
        return this.#delivery(chunk, from, end, atMicros, id, forwardedAsMark);
      case 'parse':
        return false;
    }
  }

  /** `client=NAME[ADDRESS](:PORT)`, then the end or `, sasl_method=METHOD, sasl_username=LOGIN` without comma and colon. */
  #acceptance(chunk: Chunk, at: number, end: number, atMicros: number, id: IdAt): boolean {
    const { view } = chunk;
    if (!isAt(view, at, end, clientMark)) return false;
    const nameFrom = at + clientMark.length;
    const open = indexOfEither(view, bracket, blank, nameFrom, end);
    if (open === end || open === nameFrom || open - nameFrom > maxName || view.getUint8(open) === blank) return false;
    const clientFrom = open + 1;
    const clientEnd = indexOfEither(view, closingBracket, blank, clientFrom, end);
    if (clientEnd === end || clientEnd === clientFrom || clientEnd - clientFrom >= maxAddress) return false;
    if (view.getUint8(clientEnd) === blank) return false;
    let cursor = clientEnd + 1;
    if (cursor < end && view.getUint8(cursor) === colon) cursor = endOfPort(view, cursor + 1, end);
    if (cursor === end) return this.#sink.accepted(chunk, id, atMicros, clientFrom, clientEnd, end, end);
    if (!isAt(view, cursor, end, methodMark)) return false;
    const methodFrom = cursor + methodMark.length;
    cursor = endOfMechanism(view, methodFrom, end);
    if (cursor === methodFrom || !isAt(view, cursor, end, loginMark)) return false;
    const loginFrom = cursor + loginMark.length;
    // Another field, or another line that begins inside it.
    if (indexOfEither(view, comma, colon, loginFrom, end) < end) return false;
    return this.#sink.accepted(chunk, id, atMicros, clientFrom, clientEnd, loginFrom, end);
  }

  /** `message-id=<TEXT>` of ASCII to the line's end. */
  #messageId(chunk: Chunk, at: number, end: number, atMicros: number, id: IdAt): boolean {
    const { view } = chunk;
    const last = end - 1;
    const from = at + messageIdMark.length;
    if (!isAt(view, at, end, messageIdMark) || last <= from || view.getUint8(last) !== greater) return false;
    if (!isAscii(view, from, last)) return false;
    return this.#sink.messageId(chunk, id, atMicros, hashOf(view, from, last));
  }

  /** `removed`, or `from=<SENDER>, size=N, nrcpt=N (queue active)`, read from its end. */
  #qmgr(chunk: Chunk, at: number, end: number, atMicros: number, id: IdAt): boolean {
    const { view } = chunk;
    if (end - at === removedText.length && isAt(view, at, end, removedText))
      return this.#sink.removed(chunk, id, atMicros);
    const tail = end - activeTail.length;
    if (tail < at || !isAt(view, tail, end, activeTail) || !isAt(view, at, end, senderMark)) return false;
    const recipientsFrom = startOfDigits(view, tail);
    const recipients = recipientsFrom - recipientsMark.length;
    if (!isDecimal(recipientsFrom, tail) || !isAt(view, recipients, end, recipientsMark)) return false;
    const sizeFrom = startOfDigits(view, recipients);
    const size = sizeFrom - sizeMark.length;
    const from = at + senderMark.length;
    if (size < from || !isDecimal(sizeFrom, recipients) || !isAt(view, size, end, sizeMark)) return false;
    return this.#sink.queued(chunk, id, atMicros, from, size);
  }

  /**
   * `to=<…>, …` with a reply that claims no link: it does not end in `MARK ID)`, or the answering host is none of ours.
   * Whether it is a whole record matters only if the sink wants to know.
   */
  #delivery(chunk: Chunk, at: number, end: number, atMicros: number, id: IdAt, mark: Pattern): boolean {
    if (this.#everyOutcome || !isAt(chunk.view, at, end, recipientMark)) return false;
    if (this.#claims(chunk, at, end, id.place, mark)) return false;
    return this.#sink.delivered(chunk, id, atMicros);
  }

  #claims(chunk: Chunk, at: number, end: number, place: Place, mark: Pattern): boolean {
    const { view } = chunk;
    if (view.getUint8(end - 1) !== parenthesis) return false;
    let cursor = end - 1;
    for (; cursor > at; cursor--) {
      const code = view.getUint8(cursor - 1);
      if (!((code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122))) break;
    }
    if (!isAt(view, cursor - mark.length, end, mark)) return false;
    if (mark === forwardedAsMark) return true;
    // The first `, relay=`. Where there is another one, or a quoted recipient holds it, no claim is believed anyway.
    cursor = indexOfByte(view, greater, at + recipientMark.length, end) + 1;
    if (!isAt(view, cursor, end, relayMark)) return true;
    cursor = indexOfEither(view, bracket, comma, cursor + relayMark.length, end);
    if (cursor === end || view.getUint8(cursor) !== bracket) return true;
    const from = cursor + 1;
    cursor = indexOfByte(view, closingBracket, from, end);
    return cursor - from > maxAddress || this.#sink.isOwn(chunk, from, cursor, place);
  }
}

/** Index after the port at `from`, or `from` - 1 if none is there. */
function endOfPort(view: DataView, from: number, end: number): number {
  let port = 0;
  let at = from;
  for (; at < end; at++) {
    const code = view.getUint8(at);
    if (code < 48 || code > 57) break;
    port = port * 10 + code - 48;
    if (port > 65_535) return from - 1;
  }
  return at === from || at - from > 5 ? from - 1 : at;
}

/** Index of the first of the digits that end before `end`. */
function startOfDigits(view: DataView, end: number): number {
  let at = end;
  for (; at > 0; at--) {
    const code = view.getUint8(at - 1);
    if (code < 48 || code > 57) break;
  }
  return at;
}

/** As many digits as a number surely holds. */
function isDecimal(from: number, end: number): boolean {
  return end > from && end - from <= 15;
}
