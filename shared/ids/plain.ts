import { endOfMechanism } from '../parse/mechanism.ts';
import { type Chunk, indexOfByte, indexOfEither, isAscii, isAt, patternOf } from './words.ts';

/**
 * The plain forms of records, read in place. Each says what `parseLine` says, or that the parser has to be asked: a form
 * is taken only where it cannot be read in any other way (engine.test.ts and damage.test.ts hold the two against each
 * other).
 */

const clientMark = patternOf('client=');
const methodMark = patternOf(', sasl_method=');
const loginMark = patternOf(', sasl_username=');
const origIdMark = patternOf(', orig_queue_id=');
const activeTail = patternOf(' (queue active)');
const origClientMark = patternOf(', orig_client=');
const laterSenderMark = patternOf(', sasl_sender=');
const messageIdMark = patternOf('message-id=<');
const senderMark = patternOf('from=<');
const recipientsMark = patternOf(', nrcpt=');
const sizeMark = patternOf('>, size=');
const recipientMark = patternOf('to=<');
const relayMark = patternOf(', relay=');
const delayMark = patternOf(', delay=');
const statusMark = patternOf(', status=');
const sentMark = patternOf(', status=sent (250 ');
const queuedAsMark = patternOf('Ok: queued as ');

const blank = 32;
const quote = 34;
const comma = 44;
const colon = 58;
const greater = 62;
const bracket = 91;
const closingBracket = 93;
const maxAddress = 64;
const maxName = 255;
/** As many as a number surely holds. */
const maxDigits = 15;

/** A piece of text. */
export interface Range {
  from: number;
  end: number;
}

/** End of `NAME[ADDRESS]` or `NAME[ADDRESS]:PORT` at `from`; -1 if something else stands there. */
function endOfClient(view: DataView, from: number, end: number): number {
  const open = indexOfEither(view, bracket, blank, from, end);
  if (open === end || open === from || open - from > maxName || view.getUint8(open) === blank) return -1;
  const close = indexOfEither(view, closingBracket, blank, open + 1, end);
  if (close === end || close === open + 1 || close - open >= maxAddress || view.getUint8(close) === blank) return -1;
  return close + 1 < end && view.getUint8(close + 1) === colon ? endOfPort(view, close + 2, end) : close + 1;
}

/** Index after the port at `from`, or -1. */
function endOfPort(view: DataView, from: number, end: number): number {
  let port = 0;
  let at = from;
  for (; at < end && at < from + 6; at++) {
    const code = view.getUint8(at);
    if (code < 48 || code > 57) break;
    port = port * 10 + code - 48;
  }
  return at === from || port > 65_535 ? -1 : at;
}

/** The address in `client=NAME[ADDRESS]` at `from`, where a client is known to stand. */
export function readAddress(view: DataView, from: number, end: number, address: Range): void {
  address.from = indexOfByte(view, bracket, from + clientMark.length, end) + 1;
  address.end = indexOfByte(view, closingBracket, address.from, end);
}

/**
 * The login in `client=NAME[ADDRESS], sasl_method=METHOD, sasl_username=LOGIN` at `from`, with no later field and without colon:
 * another line might begin there. False if that is not all of it.
 */
export function readLogin(view: DataView, from: number, end: number, login: Range): boolean {
  const clientEnd = endOfClient(view, from + clientMark.length, end);
  if (clientEnd < 0 || !isAt(view, clientEnd, end, methodMark)) return false;
  const methodFrom = clientEnd + methodMark.length;
  const methodEnd = endOfMechanism(view, methodFrom, end);
  if (methodEnd === methodFrom || !isAt(view, methodEnd, end, loginMark)) return false;
  login.from = methodEnd + loginMark.length;
  login.end = end;
  let at = indexOfEither(view, comma, colon, login.from, end);
  for (; at < end; at = indexOfEither(view, comma, colon, at + 1, end)) {
    if (view.getUint8(at) === colon || isAt(view, at, end, laterSenderMark)) return false;
    if (isAt(view, at, end, origIdMark) || isAt(view, at, end, origClientMark)) return false;
  }
  return login.from < end;
}

/** The ID in `client=NAME[ADDRESS], orig_queue_id=ID, orig_client=…` at `from`. */
export function readOrigId(view: DataView, from: number, end: number, id: Range): boolean {
  const clientEnd = endOfClient(view, from + clientMark.length, end);
  if (clientEnd < 0 || !isAt(view, clientEnd, end, origIdMark)) return false;
  id.from = clientEnd + origIdMark.length;
  id.end = indexOfByte(view, comma, id.from, end);
  return isAt(view, id.end, end, origClientMark);
}

/** The text in `message-id=<TEXT>` at `from`: ASCII, not empty, to the line's end. */
export function readMessageId(view: DataView, from: number, end: number, id: Range): boolean {
  id.from = from + messageIdMark.length;
  id.end = end - 1;
  return (
    isAt(view, from, end, messageIdMark) &&
    id.end > id.from &&
    view.getUint8(id.end) === greater &&
    isAscii(view, id.from, id.end)
  );
}

/** Sender and number of recipients in `from=<SENDER>, size=N, nrcpt=N (queue active)` at `from`, read from its end. */
export function readQueued(view: DataView, from: number, end: number, sender: Range, recipients: Range): boolean {
  recipients.end = end - activeTail.length;
  recipients.from = startOfDigits(view, recipients.end);
  const sizeEnd = recipients.from - recipientsMark.length;
  if (!isDecimal(recipients) || !isAt(view, sizeEnd, end, recipientsMark)) return false;
  const sizeFrom = startOfDigits(view, sizeEnd);
  sender.from = from + senderMark.length;
  sender.end = sizeFrom - sizeMark.length;
  const isSize = sizeEnd > sizeFrom && sizeEnd - sizeFrom <= maxDigits;
  return isSize && sender.end >= sender.from && isAt(view, sender.end, end, sizeMark);
}

/**
 * Whether the delivery at `from` names its child so that it has to be believed, the host being ours: `to=<…>, relay=…,
 * delay=…, status=sent (250 … Ok: queued as ID)`, with nothing unusual in it. `idFrom`: where that ID begins.
 */
export function isPlainClaim({ view }: Chunk, from: number, end: number, idFrom: number): boolean {
  const recipientFrom = from + recipientMark.length;
  const recipientEnd = indexOfEither(view, greater, quote, recipientFrom, end);
  if (recipientEnd === end || view.getUint8(recipientEnd) === quote) return false;
  // Another line may begin in it.
  if (indexOfEither(view, comma, blank, recipientFrom, recipientEnd) < recipientEnd) return false;
  if (!isAt(view, recipientEnd + 1, end, relayMark)) return false;
  let field = endOfClient(view, recipientEnd + 1 + relayMark.length, end);
  let hasDelay = false;
  while (!isAt(view, field, end, sentMark)) {
    if (field < 0 || view.getUint8(field) !== comma || view.getUint8(field + 1) !== blank) return false;
    if (isAt(view, field, end, relayMark) || isAt(view, field, end, statusMark)) return false;
    const next = indexOfEither(view, comma, greater, field + 1, end);
    if (next === end) return false;
    if (isAt(view, field, end, delayMark)) {
      if (hasDelay || !isSeconds(view, field + delayMark.length, next)) return false;
      hasDelay = true;
    }
    field = next;
  }
  // A stranger's reply may hold another record, and then none is believed.
  for (let at = field + 1; at < end; at = indexOfByte(view, comma, at + 1, end)) {
    if (isAt(view, at, end, relayMark)) return false;
  }
  const mark = idFrom - queuedAsMark.length;
  return hasDelay && mark >= field + sentMark.length && isAt(view, mark, end, queuedAsMark);
}

/** `12`, `0.07`. */
function isSeconds(view: DataView, from: number, end: number): boolean {
  let points = 0;
  for (let at = from; at < end; at++) {
    const code = view.getUint8(at);
    if (code === 46 && at > from) points += 1;
    else if (code < 48 || code > 57) return false;
  }
  return end > from && end - from < 12 && points <= 1;
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

function isDecimal({ from, end }: Range): boolean {
  return end > from && end - from <= maxDigits;
}
