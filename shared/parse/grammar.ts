import { endOfQueueId } from './queue-id.ts';
import type { Head, LogRecord, Parsed } from './record.ts';
import { isAt } from './scan.ts';

/** Reads what one program logs: the text of `line` from `at` on, after the syslog prefix that `head` came from. */
export type Grammar = (line: string, at: number, head: Head) => Parsed;

/** Why a text of a Postfix program is of no interest. A closed set: these are keys of counters. */
export type Note =
  /** Postfix's own complaints. */
  | 'warning'
  | 'error'
  | 'fatal'
  | 'panic'
  /** The daemon's "message repeated": no new event (I2). */
  | 'repeated'
  /** A piece of a line that a container runtime split: what it says may be cut. */
  | 'torn'
  | 'dovecot'
  | 'mailscanner'
  /** Anything else that Postfix tells: TLS, totals, lost connections. */
  | 'note';

const notes: Readonly<Record<Note, Parsed>> = {
  warning: { ignored: 'warning' },
  error: { ignored: 'error' },
  fatal: { ignored: 'fatal' },
  panic: { ignored: 'panic' },
  repeated: { ignored: 'repeated' },
  torn: { ignored: 'torn' },
  dovecot: { ignored: 'dovecot' },
  mailscanner: { ignored: 'mailscanner' },
  note: { ignored: 'note' },
};

/** A record in the making: its optional fields are set one by one, which costs less than spreading them. */
export type Draft<R extends LogRecord> = { -readonly [K in keyof R]: R[K] };

export function ok(record: LogRecord): Parsed {
  return { ok: record };
}

/** `what` never quotes the line: a stranger may have written it. `at` counts from 0, columns from 1. */
export function malformed(what: string, at: number): Parsed {
  return { malformed: `${what} at column ${at + 1}` };
}

/** Ignores by kind. */
export function ignored(kind: Note): Parsed {
  return notes[kind];
}

/** Ignores a text that begins no record, by its severity (msg_output(3) writes it in front). */
export function ignoredText(line: string, at: number): Parsed {
  switch (line.charCodeAt(at)) {
    case 119: // w
      return isAt(line, 'warning: ', at) ? notes.warning : notes.note;
    case 101: // e
      return isAt(line, 'error: ', at) ? notes.error : notes.note;
    case 102: // f
      return isAt(line, 'fatal: ', at) ? notes.fatal : notes.note;
    case 112: // p
      return isAt(line, 'panic: ', at) ? notes.panic : notes.note;
    case 109: // m
      return isAt(line, 'message repeated ', at) ? notes.repeated : notes.note;
    default:
      return notes.note;
  }
}

/**
 * Index after the queue ID that begins a record, or -1. The ID ends at `: `; some loggers drop the colon.
 * Use `afterId` for where the text goes on.
 */
export function endOfId(line: string, at: number): number {
  const end = endOfQueueId(line, at);
  if (end < 0) return -1;
  const next = line.charCodeAt(end);
  return next === 32 || (next === 58 && line.charCodeAt(end + 1) === 32) ? end : -1;
}

export function afterId(line: string, end: number): number {
  return line.charCodeAt(end) === 58 ? end + 2 : end + 1;
}
