import { parseBounce } from './bounce.ts';
import { parseCleanup } from './cleanup.ts';
import { parseDelivery } from './delivery.ts';
import { parseDovecot, parseDovecotFile } from './dovecot.ts';
import type { Grammar } from './grammar.ts';
import { parseMailScanner } from './mailscanner.ts';
import { parsePickup } from './pickup.ts';
import { parsePostsuper } from './postsuper.ts';
import { parseQmgr } from './qmgr.ts';
import type { Parsed } from './record.ts';
import { parseSmtpd } from './smtpd.ts';
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

/** Programs beside Postfix that say something of its mail and logins. Their tags have one component. */
const neighbours: ReadonlyMap<string, Grammar> = new Map([
  ['dovecot', parseDovecot],
  ['MailScanner', parseMailScanner],
]);

export const foreign: Parsed = { ignored: 'foreign' };
/** Host and tag are not where they usually are, or it is no program of ours: to be told by reading more of the line. */
export const unusual: Parsed = { ignored: 'foreign' };

/** Who wrote a line: what its host and tag say. */
export interface Origin extends Tag {
  readonly host: string;
  readonly grammar: Grammar | Parsed;
}

interface KnownOrigin extends Origin {
  /** Host and tag as they stand in the line. */
  readonly text: string;
}

const elsewhere: KnownOrigin = { text: '', host: '', instance: '', program: '', pid: 0, grammar: foreign };
/** Any local user can write any tag: what is longer than this is no Postfix's. */
const maxOrigin = 600;
const maxInstance = 255;

/** The origins seen last, by a rough hash: a host has few processes that log, and each of them many lines. */
const slots: (KnownOrigin | undefined)[] = new Array(256).fill(undefined);

/** The origin `HOST TAG` that stands at `[from, end)`, a blank at `hostEnd` between them. */
export function originAt(line: string, from: number, hostEnd: number, end: number): Origin {
  const length = end - from;
  if (length > maxOrigin) return elsewhere;
  // The last digits of the process number differ most.
  const digits = line.charCodeAt(end - 3) * 10 + line.charCodeAt(end - 4) * 100 + line.charCodeAt(end - 5);
  const slot = (digits + length) & 255;
  const known = slots[slot];
  if (known !== undefined && known.text.length === length && line.startsWith(known.text, from)) return known;
  const text = copyOf(line.slice(from, end));
  const host = text.slice(0, hostEnd - from);
  const tag = text.slice(hostEnd - from + 1);
  const origin = { ...(originOf(host, tag) ?? dovecotFile(host, tag) ?? { ...elsewhere, grammar: unusual }), text };
  slots[slot] = origin;
  return origin;
}

/** What a tag like `postfix/smtpd[1]:` says; undefined for other programs. */
export function originOf(host: string, tagText: string): Origin | undefined {
  if (tagText.length > maxOrigin) return undefined;
  const tag = readTag(tagText);
  if (tag === undefined) return neighbour(host, tagText);
  const grammar = tag.instance.length > maxInstance ? undefined : programs.get(tag.program);
  return grammar === undefined ? undefined : { ...tag, host, grammar };
}

function neighbour(host: string, tagText: string): Origin | undefined {
  const [, program, pid] = /^([A-Za-z]{1,20})(?:\[(\d{1,10})\])?:$/.exec(tagText) ?? [];
  const grammar = program === undefined ? undefined : neighbours.get(program);
  if (program === undefined || grammar === undefined) return undefined;
  return { instance: '', program, pid: Number(pid ?? 0), host, grammar };
}

function dovecotFile(service: string, severity: string): Origin | undefined {
  if (severity !== 'Info:' || !/^auth(?:-worker\(\d{1,10}\))?:$/.test(service)) return undefined;
  return { host: '', instance: '', program: 'dovecot', pid: 0, grammar: parseDovecotFile };
}

/** The same text in memory of its own: a slice would keep the whole line alive. */
function copyOf(slice: string): string {
  const copy = Buffer.from(slice).toString();
  return copy === slice ? copy : slice;
}
