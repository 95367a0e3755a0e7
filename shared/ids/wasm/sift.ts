import * as kind from '../kind';
import * as lane from '../lane';
import * as question from '../question';
import { hashOf, indexOf, isAlphanumeric, isAt, isDigit, isSame } from './bytes';
import { Address, Minute, Origin } from './known';
import { isId, isNoId } from './queue-id';
import { Segment, saw } from './segment';

export { readLife, setTolerances, setWindow } from './life';
export { add, addEvent, setEventKinds } from './segment';

/**
 * The plain lines of a log: finds those that speak of queue IDs, and which, and indexes them. AssemblyScript: `npm run
 * wasm` compiles it to sift.wasm. Whatever does not look plain, or is met for the first time, is a question to
 * `../sift.ts`.
 */

const origins: usize = 4096;
const addresses: usize = 4096;
/** Origin or address with its text. */
const originBytes: usize = 128;
const addressBytes: usize = 64;
/** Of texts. Longer ones take the parser. */
const maxOrigin: usize = 96;
const maxAddress: usize = addressBytes - offsetof<Address>();
const maxName: usize = 255;
/** With the colon. */
const maxId: usize = 27;
const idMark: usize = 2;
/** What a text may be that is of no kind: not plain; without meaning; or there is a question about it. */
const unknown: i32 = -1;
const silent: i32 = -2;
const questioned: i32 = -3;

const newline: u8 = 10;
const carriageReturn: u8 = 13;
const blank: u8 = 32;
const parenthesis: u8 = 41;
const comma: u8 = 44;
const point: u8 = 46;
const zero: u8 = 48;
const colon: u8 = 58;
const greater: u8 = 62;
const bracket: u8 = 91;
const closingBracket: u8 = 93;

const endOfPidMark = String.UTF8.encode(']: ');
const clientMark = String.UTF8.encode('client=');
const methodMark = String.UTF8.encode(', sasl_method=');
const origIdMark = String.UTF8.encode(', orig_queue_id=');
const messageIdMark = String.UTF8.encode('message-id=');
const resentMark = String.UTF8.encode('resent-message-id=');
const removedText = String.UTF8.encode('removed');
const senderMark = String.UTF8.encode('from=<');
const activeTail = String.UTF8.encode(' (queue active)');
const recipientMark = String.UTF8.encode('to=<');
const relayMark = String.UTF8.encode(', relay=');
const queuedAsMark = String.UTF8.encode(' queued as ');
const forwardedAsMark = String.UTF8.encode('(forwarded as ');
const proxiedMark = String.UTF8.encode('NOQUEUE: client=');
const proxyMark = String.UTF8.encode('proxy-accept: ');
const lostMark = String.UTF8.encode('lost connection after ');
const timeoutMark = String.UTF8.encode('timeout after ');
const errorsMark = String.UTF8.encode('too many errors after ');
const dataMark = String.UTF8.encode('DATA');
const chunkMark = String.UTF8.encode('BDAT');

/** Lines that were read here, and those of them that told something of mail. */
export let lines: f64 = 0;
export let records: f64 = 0;

/** What is asked, of which text, who asks (a place), and where the answer goes. */
export let asked: i32 = question.none;
export let askedFrom: usize = 0;
export let askedEnd: usize = 0;
export let asker: i32 = 0;
export let answer: usize = 0;

export const minute = changetype<Minute>(emptied(64));
const originTable = emptied(origins * originBytes);
const addressTable = emptied(addresses * addressBytes);
/** Memory from here on is the segments'. */
export const free: usize = heap.alloc(0);

/** Of the line that is being read. */
let atMicros: f64 = 0;
/** Of the child that a delivery names: its ID, and the salt of its relay or 0. */
let childFrom: usize = 0;
let childSalt: u32 = 0;

function emptied(bytes: usize): usize {
  const at = heap.alloc(bytes);
  memory.fill(at, 0, bytes);
  return at;
}

/** Reads the whole lines in `[from, end)`. Returns where the one begins that it has a question about. */
export function sift(segment: Segment, from: usize, end: usize): usize {
  const limit = segment.bytes + end;
  let at = segment.bytes + from;
  asked = question.none;
  for (;;) {
    const newlineAt = indexOf(newline, at, limit);
    if (newlineAt === limit) break;
    let lineEnd = newlineAt;
    while (lineEnd > at && load<u8>(lineEnd - 1) === carriageReturn) lineEnd--;
    if (!readLine(segment, at, lineEnd)) break;
    lines++;
    at = newlineAt + 1;
  }
  return at - segment.bytes;
}

function ask(what: i32, from: usize, end: usize, to: usize): bool {
  asked = what;
  askedFrom = from;
  askedEnd = end;
  answer = to;
  return false;
}

function askParser(): bool {
  return ask(question.parse, 0, 0, 0);
}

/** Reads the line in `[at, end)`; false: there is a question. */
function readLine(segment: Segment, at: usize, end: usize): bool {
  const stampEnd = endOfStamp(at, end);
  if (stampEnd === 0) return ask(question.minute, at, end, changetype<usize>(minute));
  const originFrom = stampEnd + 1;
  const limit = min(end, originFrom + maxOrigin);
  const open = indexOf(bracket, originFrom, limit);
  if (open === limit) return askParser();
  const origin = originAt(originFrom, open);
  if (origin.length !== <u32>(open - originFrom) || !isSame(originFrom, origin.text, origin.length))
    return ask(question.origin, originFrom, open, changetype<usize>(origin));
  if (origin.lane === lane.parse) return askParser();
  const text = endOfPid(open + 1, end);
  // Solaris puts a message tag in front of the text.
  if (text === 0 || load<u8>(text) === bracket) return askParser();
  return origin.lane === lane.nothing || readText(segment, at, text, end, origin);
}

function originAt(from: usize, end: usize): Origin {
  return changetype<Origin>(originTable + (hashOf(from, end) & (origins - 1)) * originBytes);
}

/** Index after a stamp of the known minute that stands at `at`, a blank behind it; else 0. Sets `atMicros`. */
function endOfStamp(at: usize, end: usize): usize {
  if (minute.length === 0 || at + 20 > end || !isSame(at, minute.text, minute.length)) return 0;
  let after = at + minute.length + 2;
  const tens: u32 = load<u8>(after - 2) - zero;
  const ones: u32 = load<u8>(after - 1) - zero;
  if (tens > 5 || ones > 9) return 0;
  let micros = (tens * 10 + ones) * 1_000_000;
  if (load<u8>(after) === point) {
    let unit: u32 = 100_000;
    for (after++; isDigit(load<u8>(after)); after++) {
      // Beyond microseconds: another form.
      if (unit === 0) return 0;
      micros += (load<u8>(after) - zero) * unit;
      unit /= 10;
    }
  }
  if (!isSame(after, minute.offsetText, minute.offsetLength)) return 0;
  after += minute.offsetLength;
  atMicros = minute.micros + micros;
  return after < end && load<u8>(after) === blank ? after : 0;
}

/** Index of the text after `PID]: `, the number beginning at `from`; 0 if that is not what stands there. */
function endOfPid(from: usize, end: usize): usize {
  let at = from;
  while (isDigit(load<u8>(at))) at++;
  return at > from && at - from < 10 && at + 3 < end && isAt(at, end, endOfPidMark) ? at + 3 : 0;
}

/** Reads a program's text in `[at, end)`. */
function readText(segment: Segment, line: usize, at: usize, end: usize, origin: Origin): bool {
  if (origin.lane === lane.smtpd && isOfTransaction(at, end)) return askParser();
  const limit = min(at + maxId, end);
  const idEnd = indexOf(colon, at, limit);
  // Some loggers drop the colon. Without an ID, nothing is said of one.
  if (idEnd + 1 >= limit || load<u8>(idEnd + 1) !== blank) return isNoId(at, indexOf(blank, at, limit)) || askParser();
  childSalt = 0;
  const what = kindOf(idEnd + idMark, end, origin);
  if (what === silent) return true;
  if (what === questioned) return false;
  if (what === unknown) return isNoId(at, idEnd) || askParser();
  // What names an account or a link has to be about an ID (`NOQUEUE` is none). The rest is looked up only by IDs.
  if ((what === kind.login || what === kind.forwarded) && !isId(at, idEnd)) return isNoId(at, idEnd) || askParser();
  if (childSalt !== 0 && !isId(childFrom, end - 1)) {
    if (!isNoId(childFrom, end - 1)) return askParser();
    childSalt = 0;
  }
  if (origin.isUsed === 0) {
    asker = origin.place;
    return ask(question.use, at, idEnd, changetype<usize>(origin));
  }
  records++;
  saw(segment, what, line, end, at, idEnd, origin.salt, origin.place, atMicros);
  // Directly behind its parent's entry.
  if (childSalt !== 0) saw(segment, kind.named, line, end, childFrom, end - 1, childSalt, origin.place, atMicros);
  return true;
}

/** What follows an ID in `[from, end)`: a kind, or why it is none. */
function kindOf(from: usize, end: usize, origin: Origin): i32 {
  switch (origin.lane) {
    case lane.smtpd:
      return kindOfAcceptance(from, end);
    case lane.cleanup:
      if (isAt(from, end, messageIdMark)) return kind.messageId;
      // The core has no use for it.
      return isAt(from, end, resentMark) ? silent : unknown;
    case lane.qmgr: {
      if (isAt(from, end, removedText) && end - from === removedText.byteLength) return kind.removed;
      const isActive = isAt(from, end, senderMark) && isAt(end - activeTail.byteLength, end, activeTail);
      return isActive ? kind.queued : unknown;
    }
    default:
      return kindOfDelivery(from, end, origin);
  }
}

function kindOfAcceptance(from: usize, end: usize): i32 {
  if (!isAt(from, end, clientMark)) return unknown;
  const clientEnd = endOfClient(from + clientMark.byteLength, end);
  if (clientEnd === end) return kind.accepted;
  if (clientEnd === 0) return unknown;
  if (isAt(clientEnd, end, methodMark)) return kind.login;
  return isAt(clientEnd, end, origIdMark) ? kind.forwarded : unknown;
}

/** End of `NAME[ADDRESS]` or `NAME[ADDRESS]:PORT` at `from`, as in `../plain.ts`; 0 if something else stands there. */
function endOfClient(from: usize, end: usize): usize {
  const open = indexOf(bracket, from, end);
  if (open === end || open === from || open - from > maxName || indexOf(blank, from, open) < open) return 0;
  const close = indexOf(closingBracket, open + 1, end);
  if (close === end || close === open + 1 || close - open >= 64 || indexOf(blank, open, close) < close) return 0;
  if (close + 1 === end || load<u8>(close + 1) !== colon) return close + 1;
  const portFrom = close + 2;
  let port: u32 = 0;
  let at = portFrom;
  for (; at < portFrom + 6 && isDigit(load<u8>(at)); at++) port = port * 10 + load<u8>(at) - zero;
  return at === portFrom || port > 65_535 ? 0 : at;
}

/** `to=<…>, relay=…`, whose reply may name a child. */
function kindOfDelivery(from: usize, end: usize, origin: Origin): i32 {
  // Another text: what the remote said, for the administrator.
  if (!isAt(from, end, recipientMark)) return silent;
  if (load<u8>(end - 1) !== parenthesis) return kind.delivered;
  let idFrom = end - 1;
  while (idFrom > from && isAlphanumeric(load<u8>(idFrom - 1))) idFrom--;
  if (isAt(idFrom - forwardedAsMark.byteLength, end, forwardedAsMark)) return unknown;
  if (!isAt(idFrom - queuedAsMark.byteLength, end, queuedAsMark)) return kind.delivered;
  // The first `, relay=`. Where there is another one, or a quoted recipient holds it, no claim is believed anyway.
  const relayFrom = indexOf(greater, from + recipientMark.byteLength, end) + 1;
  if (!isAt(relayFrom, end, relayMark)) return unknown;
  const hostFrom = relayFrom + relayMark.byteLength;
  const open = indexOf(bracket, hostFrom, end);
  if (open === end || indexOf(comma, hostFrom, open) < open) return kind.delivered;
  const close = indexOf(closingBracket, open + 1, end);
  if (close - open - 1 > maxAddress) return unknown;
  const address = addressAt(open + 1, close, origin.salt);
  if (
    address.seenFromSalt !== origin.salt ||
    address.length !== <u32>(close - open - 1) ||
    !isSame(open + 1, address.text, address.length)
  ) {
    asker = origin.place;
    ask(question.address, open + 1, close, changetype<usize>(address));
    return questioned;
  }
  childFrom = idFrom;
  childSalt = address.salt;
  return kind.delivered;
}

function addressAt(from: usize, end: usize, salt: u32): Address {
  return changetype<Address>(addressTable + ((hashOf(from, end) ^ salt) & (addresses - 1)) * addressBytes);
}

/** Whether smtpd's text at `at` tells of a transaction without an ID, in a way that the core has a use for. */
function isOfTransaction(at: usize, end: usize): bool {
  return (
    isAt(at, end, proxiedMark) ||
    isAt(at, end, proxyMark) ||
    isLoss(at, end, lostMark) ||
    isLoss(at, end, timeoutMark) ||
    isLoss(at, end, errorsMark)
  );
}

function isLoss(at: usize, end: usize, mark: ArrayBuffer): bool {
  const after = at + mark.byteLength;
  return isAt(at, end, mark) && (isAt(after, end, dataMark) || isAt(after, end, chunkMark));
}
