import { parseBounce } from './bounce.ts';
import { parseCleanup } from './cleanup.ts';
import { parseDelivery } from './delivery.ts';
import { type Grammar, malformed } from './grammar.ts';
import { parsePickup } from './pickup.ts';
import { parsePostsuper } from './postsuper.ts';
import { parseQmgr } from './qmgr.ts';
import type { Parsed, TimeContext } from './record.ts';
import { digitAt } from './scan.ts';
import { parseSmtpd } from './smtpd.ts';
import { endOfStamp, stampMicros } from './stamp.ts';
import { readTag, type Tag } from './tag.ts';

/** By program: its grammar, or that it says nothing we need. What is not here is no Postfix program. */
const programs: ReadonlyMap<string, Grammar | Parsed> = new Map<string, Grammar | Parsed>([
  ['smtpd', parseSmtpd],
  ['cleanup', parseCleanup],
  ['qmgr', parseQmgr],
  ['nqmgr', parseQmgr],
  ['oqmgr', parseQmgr],
  ['pickup', parsePickup],
  ['bounce', parseBounce],
  ['postsuper', parsePostsuper],
  ['smtp', parseDelivery],
  ['lmtp', parseDelivery],
  ['local', parseDelivery],
  ['virtual', parseDelivery],
  ['pipe', parseDelivery],
  ['error', parseDelivery],
  ['discard', parseDelivery],
  ...[
    'anvil',
    'dnsblog',
    'flush',
    'master',
    'postalias',
    'postdrop',
    'postfix-script',
    'postfix-tls-script',
    'postlog',
    'postlogd',
    'postmap',
    'postqueue',
    'postscreen',
    'proxymap',
    'qmqpd',
    'scache',
    'sendmail',
    'showq',
    'spawn',
    'tlsmgr',
    'tlsproxy',
    'trivial-rewrite',
    'verify',
  ].map((program): [string, Parsed] => [program, { ignored: program }]),
]);

const foreign: Parsed = { ignored: 'foreign' };
const blank: Parsed = { ignored: 'blank' };

/**
 * One maillog line → one record, or why it is none. Never throws, whatever the line holds; takes time in proportion
 * to its length. Prefix first (`<priority>`, stamp, host, tag), then the program's own grammar. The record's texts are
 * slices, which keep the line alive: copy what you keep for long.
 */
export function parseLine(text: string, context: TimeContext): Parsed {
  const line = withoutLineEnd(text);
  if (line === '') return blank;
  const stampFrom = endOfPriority(line);
  const stampEnd = endOfStamp(line, stampFrom);
  if (stampEnd < 0) return malformed('no time stamp', stampFrom);
  if (line.charCodeAt(stampEnd) !== 32) return malformed('no blank after the time stamp', stampEnd);
  const originFrom = stampEnd + 1;
  const hostEnd = line.indexOf(' ', originFrom);
  if (hostEnd <= originFrom) return malformed('no host and program after the time stamp', stampEnd);
  const blankAfterTag = line.indexOf(' ', hostEnd + 1);
  const tagEnd = blankAfterTag < 0 ? line.length : blankAfterTag;
  const origin = originAt(line, originFrom, hostEnd, tagEnd);
  const { grammar } = origin;
  if (typeof grammar !== 'function') return grammar;

  const atMicros = stampMicros(line, stampFrom, stampEnd, context);
  if (typeof atMicros === 'string') return malformed(`time stamp: ${atMicros}`, stampFrom);
  const { host, instance, program, pid } = origin;
  return grammar(line, tagEnd + 1, { atMicros, host, instance, program, pid });
}

/** Who wrote a line: what its host and tag say. */
interface Origin extends Tag {
  /** Host and tag as they stand in the line. */
  readonly text: string;
  readonly host: string;
  readonly grammar: Grammar | Parsed;
}

const elsewhere: Origin = { text: '', host: '', instance: '', program: '', pid: 0, grammar: foreign };
/** Any local user can write any tag: what is longer than this is no Postfix's. */
const maxOrigin = 600;
const maxInstance = 255;

/** The origins seen last, by a rough hash: a host has few processes that log, and each of them many lines. */
const slots: (Origin | undefined)[] = new Array(256).fill(undefined);

function originAt(line: string, from: number, hostEnd: number, end: number): Origin {
  const length = end - from;
  if (length > maxOrigin) return elsewhere;
  // The last digits of the process number differ most.
  const digits = line.charCodeAt(end - 3) * 10 + line.charCodeAt(end - 4) * 100 + line.charCodeAt(end - 5);
  const slot = (digits + length) & 255;
  const known = slots[slot];
  if (known !== undefined && known.text.length === length && line.startsWith(known.text, from)) return known;
  const origin = readOrigin(copyOf(line.slice(from, end)), hostEnd - from);
  slots[slot] = origin;
  return origin;
}

function readOrigin(text: string, hostEnd: number): Origin {
  const tag = readTag(text.slice(hostEnd + 1));
  const grammar = tag === undefined ? undefined : programs.get(tag.program);
  if (tag === undefined || tag.instance.length > maxInstance || grammar === undefined) return { ...elsewhere, text };
  return { ...tag, text, host: text.slice(0, hostEnd), grammar };
}

/** The same text in memory of its own: a slice would keep the whole line alive. */
function copyOf(slice: string): string {
  const copy = Buffer.from(slice).toString();
  return copy === slice ? copy : slice;
}

/** Without CR and LF: files that passed through other systems end their lines with both. */
function withoutLineEnd(text: string): string {
  let end = text.length;
  for (let code = text.charCodeAt(end - 1); code === 10 || code === 13; code = text.charCodeAt(end - 1)) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}

/** Index after a syslog priority `<22>`, which some daemons leave in front. */
function endOfPriority(line: string): number {
  if (line[0] !== '<') return 0;
  let at = 1;
  while (at < 4 && digitAt(line, at) >= 0) at += 1;
  return at > 1 && line[at] === '>' ? at + 1 : 0;
}
