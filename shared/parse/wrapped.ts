import { parseAnyPostfix } from './any-postfix.ts';
import { ignored, malformed } from './grammar.ts';
import { foreign, type Origin, originOf } from './origin.ts';
import type { Parsed, TimeContext } from './record.ts';
import { decimal } from './scan.ts';
import { endOfStamp, stampMicros } from './stamp.ts';

/** What an envelope holds: a text of a known program, or, without `origin`, what a container wrote. */
export interface Unpacked {
  readonly origin: Origin | undefined;
  readonly text: string;
  readonly atMicros: number;
  readonly host: string;
}

export function isRefusal(found: Unpacked | Parsed): found is Parsed {
  return !('text' in found);
}

/**
 * Opens a line that does not begin with a stamp; `from` is the index after its `<priority>`:
 *   RFC 5424        `<22>1 2026-11-24T10:13:12.003Z HOST postfix/smtpd 16116 - - TEXT`
 *   journald        `{"MESSAGE": …, "SYSLOG_IDENTIFIER": "postfix/smtpd", …}` (journalctl -o json)
 *   docker          `{"log": "…\n", "stream": "stdout", "time": "2026-11-24T10:13:12.003Z"}` (json-file driver)
 */
export function unpack(line: string, from: number, context: TimeContext): Unpacked | Parsed {
  if (line.charCodeAt(0) === 123) return json(line, context);
  const isVersioned = line.charCodeAt(from) === 49 && line.charCodeAt(from + 1) === 32;
  return isVersioned ? rfc5424(line, from + 2, context) : malformed('no time stamp', from);
}

function rfc5424(line: string, from: number, context: TimeContext): Unpacked | Parsed {
  const stampEnd = endOfStamp(line, from);
  if (stampEnd < 0) return malformed('no time stamp', from);
  const atMicros = stampMicros(line, from, stampEnd, context);
  if (typeof atMicros === 'string') return malformed(`time stamp: ${atMicros}`, from);
  const [, host, name, pid, structured] =
    /^ (\S{1,255}) (\S{1,255}) (\S{1,128}) \S{1,32} ([[-])/.exec(line.slice(stampEnd, stampEnd + 700)) ?? [];
  if (host === undefined || name === undefined || pid === undefined) {
    return malformed('RFC 5424: no host, program, process and message ID', stampEnd);
  }
  let at = fieldsEnd(line, stampEnd, 5);
  if (structured === '[') at = endOfStructured(line, at);
  else at += 1;
  if (at < 0) return malformed('RFC 5424: structured data does not end', stampEnd);
  // One blank or, from rsyslog, two, and perhaps a byte order mark.
  while (line.charCodeAt(at) === 32 || line.charCodeAt(at) === 0xfeff) at += 1;
  const origin = taggedBy(host === '-' ? '' : host, name, decimal(pid, 0, pid.length));
  return origin === undefined ? foreign : { origin, text: line.slice(at), atMicros, host: origin.host };
}

/** Index after the nth blank from `from`. */
function fieldsEnd(line: string, from: number, count: number): number {
  let at = from;
  for (let seen = 0; seen < count; seen++) at = line.indexOf(' ', at) + 1;
  return at;
}

/** Index after `[id name="value"]…`, in whose values a backslash escapes quote and bracket; -1 if it does not end. */
function endOfStructured(line: string, from: number): number {
  let quoted = false;
  for (let at = from; at < line.length; at++) {
    const char = line[at];
    if (char === '\\') at += 1;
    else if (char === '"') quoted = !quoted;
    else if (char === ']' && !quoted && line[at + 1] !== '[') return at + 1;
  }
  return -1;
}

/**
 * rsyslog ends a program's name at the first slash unless told otherwise (PermitSlashInProgramname): of
 * `postfix/smtpd` then only `postfix` is left, and the text has to tell the program.
 */
function taggedBy(host: string, name: string, pid: number): Origin | undefined {
  const process = Number.isNaN(pid) ? 0 : pid;
  if (name === 'postfix') return { host, instance: name, program: '', pid: process, grammar: parseAnyPostfix };
  const origin = originOf(host, `${name}:`);
  return origin && { ...origin, pid: process };
}

function json(line: string, context: TimeContext): Unpacked | Parsed {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return malformed('no whole JSON object', 0);
  }
  if (!isObject(fields)) return malformed('no whole JSON object', 0);
  if ('__REALTIME_TIMESTAMP' in fields) return journal(fields);
  return 'log' in fields ? docker(fields, context) : malformed('JSON of no known kind', 0);
}

function journal(fields: Readonly<Record<string, unknown>>): Unpacked | Parsed {
  const atMicros = count(fields['__REALTIME_TIMESTAMP']);
  const text = message(fields['MESSAGE']);
  if (Number.isNaN(atMicros)) return malformed('journal: __REALTIME_TIMESTAMP is no number', 0);
  // null: longer than journalctl prints.
  if (text === undefined) return ignored('torn');
  const host = string(fields['_HOSTNAME']);
  const identifier = string(fields['SYSLOG_IDENTIFIER']);
  if (identifier === '' || fields['CONTAINER_NAME'] !== undefined) return { origin: undefined, text, atMicros, host };
  const pid = count(fields['SYSLOG_PID'] ?? fields['_PID']);
  const origin = taggedBy(host, identifier, pid);
  return origin === undefined ? foreign : { origin, text, atMicros, host };
}

function docker(fields: Readonly<Record<string, unknown>>, context: TimeContext): Unpacked | Parsed {
  const { log, time } = fields;
  if (typeof log !== 'string' || typeof time !== 'string') return malformed('docker: log and time are no texts', 0);
  // docker cuts at 16 KiB; only a whole line has its end.
  if (!log.endsWith('\n')) return ignored('torn');
  const end = endOfStamp(time, 0);
  const atMicros = end === time.length ? stampMicros(time, 0, end, context) : 'no time stamp';
  if (typeof atMicros === 'string') return malformed(`docker: time: ${atMicros}`, 0);
  return { origin: undefined, text: log, atMicros, host: '' };
}

/** journald exports what is not UTF-8, or not printable, as an array of bytes. */
function message(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value) || !value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256))
    return undefined;
  return Buffer.from(value).toString('utf8');
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A whole number, as journald writes it: in quotes. */
function count(value: unknown): number {
  const found = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  return Number.isSafeInteger(found) ? found : Number.NaN;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
