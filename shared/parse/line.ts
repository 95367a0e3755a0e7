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
import { placeOfTag, type Tag, tagOf } from './tag.ts';

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
 * to its length. Prefix first (`<priority>`, stamp, host, tag), then the program's own grammar.
 */
export function parseLine(text: string, context: TimeContext): Parsed {
  const line = withoutLineEnd(text);
  if (line === '') return blank;
  const stampFrom = endOfPriority(line);
  const stampEnd = endOfStamp(line, stampFrom);
  if (stampEnd < 0) return malformed('no time stamp', stampFrom);
  if (line.charCodeAt(stampEnd) !== 32) return malformed('no blank after the time stamp', stampEnd);
  const hostEnd = line.indexOf(' ', stampEnd + 1);
  if (hostEnd < 0 || hostEnd === stampEnd + 1) return malformed('no host and program after the time stamp', stampEnd);

  const tagFrom = hostEnd + 1;
  const blankAfterTag = line.indexOf(' ', tagFrom);
  const tagEnd = blankAfterTag < 0 ? line.length : blankAfterTag;
  const place = placeOfTag(line, tagFrom, tagEnd);
  if (place === undefined || place.nameEnd - tagFrom > maxSourceName) return foreign;
  const { instance, program, grammar } = sourceOf(line.slice(tagFrom, place.nameEnd));
  if (typeof grammar !== 'function') return grammar;

  const atMicros = stampMicros(line, stampFrom, stampEnd, context);
  if (typeof atMicros === 'string') return malformed(`time stamp: ${atMicros}`, stampFrom);
  const host = line.slice(stampEnd + 1, hostEnd);
  return grammar(line, tagEnd + 1, { atMicros, host, instance, program, pid: place.pid });
}

interface Source extends Tag {
  readonly grammar: Grammar | Parsed;
}

/** Any local user can write any tag: bound what they can make us keep. */
const maxSources = 1000;
const maxSourceName = 255;
const sources = new Map<string, Source>();

/** Who a tag's name stands for; remembered, since a log has few of them. */
function sourceOf(name: string): Source {
  const known = sources.get(name);
  if (known !== undefined) return known;
  const tag = tagOf(name);
  const grammar = tag === undefined ? undefined : programs.get(tag.program);
  const source = { instance: '', program: '', ...tag, grammar: grammar ?? foreign };
  if (sources.size >= maxSources) sources.clear();
  sources.set(name, source);
  return source;
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
