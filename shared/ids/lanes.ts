import { parseLine } from '../parse/line.ts';
import type { LogRecord, Parsed } from '../parse/record.ts';
import type { LogClock } from './clock.ts';
import { type Origin, Origins, originStep } from './origin.ts';
import { type Place, type Places, Relay } from './place.ts';
import { idHashStep } from './table.ts';
import { TextCache, textHashStart, textHashStep } from './texts.ts';

/** Where a queue ID stands in the bytes of a line, and whose it is. */
export interface IdAt {
  place: Place;
  from: number;
  end: number;
  /** `idHashStep`'s over its bytes. */
  hash: number;
}

/** What the lanes tell, line by line. Times are microseconds. */
export interface LaneSink {
  accepted(bytes: Buffer, id: IdAt, atMicros: number, client: string, login: string | undefined): void;
  messageId(bytes: Buffer, id: IdAt, atMicros: number, hash: number): void;
  queued(bytes: Buffer, id: IdAt, atMicros: number, senderFrom: number, senderEnd: number): void;
  removed(bytes: Buffer, id: IdAt, atMicros: number): void;
  /** A delivery whose reply links nothing. Returns whether that is all it needs to know. */
  delivered(bytes: Buffer, id: IdAt, atMicros: number): boolean;
  /** Whether an address is one of our own hosts', so that its `queued as` may link. */
  isOwn(address: string, place: Place): boolean;
  /** A line that went the long way. */
  parsed(record: LogRecord): void;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const clientMark = bytesOf('client=');
const methodMark = bytesOf(', sasl_method=');
const loginMark = bytesOf(', sasl_username=');
const messageIdMark = bytesOf('message-id=<');
const removedText = bytesOf('removed');
const senderMark = bytesOf('from=<');
const activeTail = bytesOf(' (queue active)');
const recipientsMark = bytesOf(', nrcpt=');
const sizeMark = bytesOf('>, size=');
const connectMark = bytesOf('connect from ');
const disconnectMark = bytesOf('disconnect from ');
const recipientMark = bytesOf('to=<');
const relayMark = bytesOf(', relay=');
const queuedAsMark = bytesOf(' queued as ');
const forwardedAsMark = bytesOf('(forwarded as ');

const blank = 32;
const comma = 44;
const colon = 58;
const bracket = 91;
const closingBracket = 93;
const newline = 10;
const maxAddress = 64;
const maxName = 255;

/**
 * Reads lines from bytes: the plain forms of the lines that tell of lives in fast lanes, everything else by `parseLine`,
 * the one grammar. A lane reads a form only where it cannot be read in any other way; the property test in
 * lanes.test.ts holds the two against each other. Nothing is decoded but what is kept.
 */
export class Lanes {
  readonly #sink: LaneSink;
  readonly #origins: Origins;
  readonly #texts = new TextCache();
  /** Reused for each line. */
  readonly #id: IdAt = {
    place: { relay: new Relay('', -1), instance: '', number: -1, used: false },
    from: 0,
    end: 0,
    hash: 0,
  };
  /** Each delivery is wanted in full. */
  readonly #everyOutcome: boolean;

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
    let at = from;
    while (clock.nowMicros <= untilMicros) {
      const next = this.#line(bytes, at, end, clock);
      if (next < 0) return at;
      at = next;
    }
    return at;
  }

  /** One line by the one grammar. `[from, end)` holds no newline. */
  #parse(bytes: Buffer, from: number, end: number, clock: LogClock): void {
    const parsed: Parsed = parseLine(bytes.toString('utf8', from, end), clock.context);
    if (!('ok' in parsed)) return;
    clock.saw(parsed.ok.atMicros);
    this.#sink.parsed(parsed.ok);
  }

  /** Reads the line at `at`; index of the next one, or -1 if this one has no end yet. */
  #line(bytes: Buffer, at: number, limit: number, clock: LogClock): number {
    const atMicros = clock.read(bytes, at, limit);
    if (atMicros < 0) return this.#unusual(bytes, at, limit, clock);
    const originFrom = clock.end + 1;
    let cursor = originFrom;
    let hash = 0;
    let code = 0;
    for (; cursor < limit; cursor++) {
      code = bytes[cursor] ?? 0;
      if (code === bracket || code === newline) break;
      hash = originStep(hash, code);
    }
    if (code !== bracket) return this.#unusual(bytes, at, limit, clock);
    const newlineAt = bytes.indexOf(newline, cursor);
    if (newlineAt < 0 || newlineAt >= limit) return -1;
    const origin = this.#origins.at(bytes, originFrom, cursor, hash);
    if (origin.place === undefined) {
      this.#parse(bytes, at, newlineAt, clock);
      return newlineAt + 1;
    }
    let end = newlineAt;
    while (end > cursor && bytes[end - 1] === 13) end -= 1;

    const digitsFrom = cursor + 1;
    for (cursor = digitsFrom; ; cursor++) {
      code = bytes[cursor] ?? 0;
      if (code < 48 || code > 57) break;
    }
    const digits = cursor - digitsFrom;
    const tag = code === closingBracket && bytes[cursor + 1] === colon && bytes[cursor + 2] === blank;
    if (!tag || digits < 1 || digits > 9 || !this.#text(bytes, cursor + 3, end, atMicros, origin, origin.place)) {
      this.#parse(bytes, at, newlineAt, clock);
    }
    return newlineAt + 1;
  }

  #unusual(bytes: Buffer, at: number, limit: number, clock: LogClock): number {
    const newlineAt = bytes.indexOf(newline, at);
    if (newlineAt < 0 || newlineAt >= limit) return -1;
    this.#parse(bytes, at, newlineAt, clock);
    return newlineAt + 1;
  }

  /** Reads a program's text in `[at, end)`; false if it takes the long way. */
  #text(bytes: Buffer, at: number, end: number, atMicros: number, origin: Origin, place: Place): boolean {
    let cursor = at;
    let hash = 0;
    let code = 0;
    for (; cursor < end; cursor++) {
      code = bytes[cursor] ?? 0;
      if (code === colon || code === blank) break;
      hash = idHashStep(hash, code);
    }
    if (code !== colon || bytes[cursor + 1] !== blank) {
      return origin.lane === 'smtpd' && (isAt(bytes, at, end, connectMark) || isAt(bytes, at, end, disconnectMark));
    }
    const id = this.#id;
    id.place = place;
    id.from = at;
    id.end = cursor;
    id.hash = hash;
    const from = cursor + 2;
    switch (origin.lane) {
      case 'smtpd':
        return this.#acceptance(bytes, from, end, atMicros, id);
      case 'cleanup':
        return this.#messageId(bytes, from, end, atMicros, id);
      case 'qmgr':
        return this.#qmgr(bytes, from, end, atMicros, id);
      case 'delivery':
        return this.#delivery(bytes, from, end, atMicros, id, queuedAsMark);
      case 'local':
        return this.#delivery(bytes, from, end, atMicros, id, forwardedAsMark);
      case 'parse':
        return false;
    }
  }

  /** `client=NAME[ADDRESS](:PORT)`, then the end or `, sasl_method=METHOD, sasl_username=LOGIN` without a comma. */
  #acceptance(bytes: Buffer, at: number, end: number, atMicros: number, id: IdAt): boolean {
    if (!isAt(bytes, at, end, clientMark)) return false;
    const nameFrom = at + clientMark.length;
    let cursor = nameFrom;
    for (; cursor < end; cursor++) {
      const code = bytes[cursor];
      if (code === bracket) break;
      if (code === blank || code === comma) return false;
    }
    if (cursor >= end || cursor === nameFrom || cursor - nameFrom > maxName) return false;
    const addressFrom = cursor + 1;
    let hash = textHashStart;
    for (cursor = addressFrom; cursor < end; cursor++) {
      const code = bytes[cursor] ?? 0;
      if (code === closingBracket) break;
      hash = textHashStep(hash, code);
    }
    const addressEnd = cursor;
    if (cursor >= end || cursor === addressFrom || cursor - addressFrom >= maxAddress) return false;
    cursor += 1;
    if (bytes[cursor] === colon) cursor = endOfPort(bytes, cursor + 1, end);
    if (cursor === end) {
      this.#sink.accepted(bytes, id, atMicros, this.#texts.text(bytes, addressFrom, addressEnd, hash), undefined);
      return true;
    }
    if (!isAt(bytes, cursor, end, methodMark)) return false;
    cursor += methodMark.length;
    while (cursor < end && bytes[cursor] !== comma) cursor += 1;
    if (!isAt(bytes, cursor, end, loginMark)) return false;
    const loginFrom = cursor + loginMark.length;
    let loginHash = textHashStart;
    for (cursor = loginFrom; cursor < end; cursor++) {
      const code = bytes[cursor] ?? 0;
      if (code === comma) return false;
      loginHash = textHashStep(loginHash, code);
    }
    const login = loginFrom === end ? undefined : this.#texts.text(bytes, loginFrom, end, loginHash);
    this.#sink.accepted(bytes, id, atMicros, this.#texts.text(bytes, addressFrom, addressEnd, hash), login);
    return true;
  }

  /** `message-id=<TEXT>` of ASCII to the line's end. */
  #messageId(bytes: Buffer, at: number, end: number, atMicros: number, id: IdAt): boolean {
    const last = end - 1;
    const from = at + messageIdMark.length;
    if (!isAt(bytes, at, end, messageIdMark) || bytes[last] !== 62 || last <= from) return false;
    let hash = textHashStart;
    for (let cursor = from; cursor < last; cursor++) {
      const code = bytes[cursor] ?? 0;
      if (code > 127) return false;
      hash = textHashStep(hash, code);
    }
    this.#sink.messageId(bytes, id, atMicros, hash);
    return true;
  }

  /** `removed`, or `from=<SENDER>, size=N, nrcpt=N (queue active)`, read from its end. */
  #qmgr(bytes: Buffer, at: number, end: number, atMicros: number, id: IdAt): boolean {
    if (end - at === removedText.length && isAt(bytes, at, end, removedText)) {
      this.#sink.removed(bytes, id, atMicros);
      return true;
    }
    const tail = end - activeTail.length;
    if (tail < at || !isAt(bytes, tail, end, activeTail) || !isAt(bytes, at, end, senderMark)) return false;
    const recipientsFrom = startOfDigits(bytes, tail);
    const recipients = recipientsFrom - recipientsMark.length;
    const sizeFrom = startOfDigits(bytes, recipients);
    const size = sizeFrom - sizeMark.length;
    const from = at + senderMark.length;
    const plain =
      size >= from &&
      isDecimal(recipientsFrom, tail) &&
      isDecimal(sizeFrom, recipients) &&
      isAt(bytes, recipients, end, recipientsMark) &&
      isAt(bytes, size, end, sizeMark);
    if (!plain) return false;
    this.#sink.queued(bytes, id, atMicros, from, size);
    return true;
  }

  /**
   * `to=<…>, …` with a reply that claims no link: it does not end in `MARK ID)`, or the answering host is none of ours.
   * Whether it is a whole record matters only if the sink wants to know.
   */
  #delivery(bytes: Buffer, at: number, end: number, atMicros: number, id: IdAt, mark: Uint8Array): boolean {
    if (this.#everyOutcome || !isAt(bytes, at, end, recipientMark)) return false;
    if (this.#claims(bytes, at, end, id.place, mark)) return false;
    return this.#sink.delivered(bytes, id, atMicros);
  }

  #claims(bytes: Buffer, at: number, end: number, place: Place, mark: Uint8Array): boolean {
    if (bytes[end - 1] !== 41) return false;
    let cursor = end - 1;
    for (; cursor > at; cursor--) {
      const code = bytes[cursor - 1] ?? 0;
      if (!((code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122))) break;
    }
    if (!isAt(bytes, cursor - mark.length, end, mark)) return false;
    if (mark === forwardedAsMark) return true;
    // The first `, relay=`. Where there is another one, or a quoted recipient holds it, no claim is believed anyway.
    cursor = at + recipientMark.length;
    while (cursor < end && bytes[cursor] !== 62) cursor += 1;
    if (!isAt(bytes, cursor + 1, end, relayMark)) return true;
    cursor += 1 + relayMark.length;
    let code = 0;
    for (; cursor < end; cursor++) {
      code = bytes[cursor] ?? 0;
      if (code === bracket || code === comma) break;
    }
    if (code !== bracket) return true;
    const from = cursor + 1;
    let hash = textHashStart;
    for (cursor = from; cursor < end; cursor++) {
      code = bytes[cursor] ?? 0;
      if (code === closingBracket) break;
      hash = textHashStep(hash, code);
    }
    return cursor - from > maxAddress || this.#sink.isOwn(this.#texts.text(bytes, from, cursor, hash), place);
  }
}

/** Whether `text` stands at `at`, and ends before `end`. */
function isAt(bytes: Uint8Array, at: number, end: number, text: Uint8Array): boolean {
  if (at < 0 || at + text.length > end) return false;
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text[index]) return false;
  return true;
}

/** Index after the port at `from`, or `from` - 1 if none is there. */
function endOfPort(bytes: Uint8Array, from: number, end: number): number {
  let port = 0;
  let at = from;
  for (; at < end; at++) {
    const code = bytes[at] ?? 0;
    if (code < 48 || code > 57) break;
    port = port * 10 + code - 48;
    if (port > 65_535) return from - 1;
  }
  return at === from || at - from > 5 ? from - 1 : at;
}

/** Index of the first of the digits that end before `end`. */
function startOfDigits(bytes: Uint8Array, end: number): number {
  let at = end;
  for (; at > 0; at--) {
    const code = bytes[at - 1] ?? 0;
    if (code < 48 || code > 57) break;
  }
  return at;
}

/** As many digits as a number surely holds. */
function isDecimal(from: number, end: number): boolean {
  return end > from && end - from <= 15;
}
