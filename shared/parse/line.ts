import { ignored, malformed } from './grammar.ts';
import { type Origin, originAt, originOf, unusual } from './origin.ts';
import type { Parsed, TimeContext } from './record.ts';
import { endOfPriority } from './scan.ts';
import { endOfStamp, stampMicros } from './stamp.ts';
import { isRefusal, unpack } from './wrapped.ts';

const blank: Parsed = { ignored: 'blank' };
/** A container's line in a journal in a file, and one more. */
const maxDepth = 4;

/**
 * One maillog line → one record, or why it is none. Never throws, whatever the line holds; takes time in proportion
 * to its length. Prefix first (`<priority>`, stamp, host, tag), then the program's own grammar. The record's texts are
 * slices, which keep the line alive: copy what you keep for long.
 *
 * The common prefix is tried first: `Nov 24 10:13:12 HOST TAG[PID]: TEXT`, with any stamp of stamp.ts. Other habits of
 * syslog daemons and container runtimes are told by what stands where host and tag should (unusualOrigin), or by the line
 * having no stamp at its beginning (wrapped.ts).
 */
export function parseLine(text: string, context: TimeContext): Parsed {
  const line = withoutLineEnd(text);
  return line === '' ? blank : stacked(line, context, 0);
}

function stacked(line: string, context: TimeContext, depth: number): Parsed {
  const stampFrom = endOfPriority(line);
  const stampEnd = endOfStamp(line, stampFrom);
  if (stampEnd < 0) return unstamped(line, stampFrom, context, depth);
  if (line.charCodeAt(stampEnd) !== 32) return malformed('no blank after the time stamp', stampEnd);
  const originFrom = stampEnd + 1;
  const hostEnd = line.indexOf(' ', originFrom);
  if (hostEnd <= originFrom) return malformed('no host and program after the time stamp', stampEnd);
  const blankAfterTag = line.indexOf(' ', hostEnd + 1);
  const tagEnd = blankAfterTag < 0 ? line.length : blankAfterTag;
  const origin = originAt(line, originFrom, hostEnd, tagEnd);
  const { grammar } = origin;
  if (typeof grammar !== 'function') {
    return grammar === unusual ? unusualOrigin(line, stampFrom, stampEnd, context, depth) : grammar;
  }

  const atMicros = stampMicros(line, stampFrom, stampEnd, context);
  if (typeof atMicros === 'string') return malformed(`time stamp: ${atMicros}`, stampFrom);
  const { host, instance, program, pid } = origin;
  return grammar(line, afterMessageTag(line, tagEnd + 1), { atMicros, host, instance, program, pid });
}

/** Solaris puts `[ID 197553 mail.info] ` between tag and text. */
function afterMessageTag(line: string, at: number): number {
  if (line.charCodeAt(at) !== 91 || !line.startsWith('[ID ', at)) return at;
  const end = line.indexOf('] ', at);
  return end < 0 || end - at > 64 ? at : end + 2;
}

/**
 * Reads on where `HOST TAG` after the stamp is not what it looks like:
 *   FreeBSD, NetBSD (`syslogd -v`)   `<mail.info> HOST TAG`
 *   busybox, AIX                     `HOST mail.info TAG`, `HOST mail:info TAG`
 *   busybox -S                       `TAG`
 *   rsyslog, remote clients          `HOST HOST TAG`
 *   CRI (containerd, CRI-O)          `stdout F TEXT`, P instead of F for a piece of a line
 *   a relay that adds its own        `HOST LINE`: a whole line follows, with stamp and host
 *   all                              `HOST last message repeated N times`: no new event (I2)
 */
function unusualOrigin(line: string, stampFrom: number, stampEnd: number, context: TimeContext, depth: number): Parsed {
  let at = stampEnd + 1;
  let word = wordAt(line, at);
  if (/^<[\w.]{1,20}>$/.test(word)) {
    at += word.length + 1;
    word = wordAt(line, at);
  }
  const next = at + word.length + 1;
  const nextWord = wordAt(line, next);
  if ((word === 'stdout' || word === 'stderr') && (nextWord === 'F' || nextWord === 'P')) {
    if (nextWord === 'P') return ignored('torn');
    const atMicros = stampMicros(line, stampFrom, stampEnd, context);
    if (typeof atMicros === 'string') return malformed(`time stamp: ${atMicros}`, stampFrom);
    return contained({ text: line.slice(next + 2), atMicros, host: '' }, context, depth);
  }

  let tagFrom = at;
  let host = '';
  let origin = originOf(host, word);
  if (origin === undefined) {
    host = word;
    tagFrom = next;
    if (nextWord === host || isFacility(nextWord)) tagFrom += nextWord.length + 1;
    const tag = wordAt(line, tagFrom);
    if ((tag === 'message' || tag === 'last') && line.slice(tagFrom, tagFrom + 32).includes('message repeated ')) {
      return ignored('repeated');
    }
    origin = originOf(host, tag);
  }
  if (origin === undefined) return tagFrom === next ? lineInside(line, next, context, depth) : unusual;
  const atMicros = stampMicros(line, stampFrom, stampEnd, context);
  if (typeof atMicros === 'string') return malformed(`time stamp: ${atMicros}`, stampFrom);
  return record(origin, line, wordAt(line, tagFrom).length + tagFrom + 1, atMicros);
}

function record(origin: Origin, line: string, at: number, atMicros: number): Parsed {
  const { grammar, host, instance, program, pid } = origin;
  if (typeof grammar !== 'function') return grammar;
  return grammar(line, afterMessageTag(line, at), { atMicros, host, instance, program, pid });
}

/** A whole line directly after the host: with any program's tag before it, it would be that program's text. */
function lineInside(line: string, at: number, context: TimeContext, depth: number): Parsed {
  const inner = line.slice(at);
  if (depth >= maxDepth || endOfStamp(inner, endOfPriority(inner)) < 0) return unusual;
  return stacked(inner, context, depth + 1);
}

/** What a container wrote: a whole line, or a tag and a text at a time that its runtime noted. */
function contained(
  { text, atMicros, host }: { text: string; atMicros: number; host: string },
  context: TimeContext,
  depth: number,
): Parsed {
  if (depth >= maxDepth) return unusual;
  const line = withoutLineEnd(text);
  if (line === '') return blank;
  if (endOfStamp(line, endOfPriority(line)) >= 0) return stacked(line, context, depth + 1);
  const from = endOfPriority(line);
  const tag = wordAt(line, from);
  const origin = originOf(host, tag);
  return origin === undefined ? unusual : record(origin, line, from + tag.length + 1, atMicros);
}

/** No stamp at the beginning: a byte order mark, an envelope of another kind, or no log line at all. */
function unstamped(line: string, from: number, context: TimeContext, depth: number): Parsed {
  if (line.charCodeAt(0) === 0xfeff && depth < maxDepth) return stacked(line.slice(1), context, depth + 1);
  const service = /^[\w.-]{1,64} *\| /.exec(line)?.[0].length ?? 0;
  if (service > 0 && depth < maxDepth) return stacked(line.slice(service), context, depth + 1);
  const unpacked = unpack(line, from, context);
  if (isRefusal(unpacked)) return unpacked;
  const { origin, text, atMicros, host } = unpacked;
  return origin === undefined ? contained({ text, atMicros, host }, context, depth) : record(origin, text, 0, atMicros);
}

function wordAt(line: string, at: number): string {
  const end = line.indexOf(' ', at);
  return line.slice(at, end < 0 ? line.length : end);
}

/** A facility and a severity: `mail.info`, AIX's `mail:info`. */
function isFacility(word: string): boolean {
  return /^(?:mail|user|daemon|auth|local\d|syslog|kern)[.:][a-z]{3,7}$/.test(word);
}

/** Without CR and LF: files that passed through other systems end their lines with both. */
function withoutLineEnd(text: string): string {
  let end = text.length;
  for (let code = text.charCodeAt(end - 1); code === 10 || code === 13; code = text.charCodeAt(end - 1)) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}
