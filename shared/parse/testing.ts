import { parseLine } from './line.ts';
import type { LogRecord, Parsed, TimeContext } from './record.ts';

/** For the tests of this folder: texts of one program as one host would log them. */
export const context: TimeContext = { zone: 'UTC', nearMicros: Date.UTC(2026, 10, 24, 12) * 1000 };

export function parsed(program: string, text: string): Parsed {
  return parseLine(`Nov 24 10:13:12 mx postfix/${program}[8971]: ${text}`, context);
}

/** What the line's record holds beyond its prefix; the parse itself where there is no record. */
export function fields(program: string, text: string): unknown {
  const result = parsed(program, text);
  if (!('ok' in result)) return result;
  const { atMicros: _at, host: _host, instance: _instance, program: _program, pid: _pid, ...rest } = result.ok;
  return rest;
}

export function record(program: string, text: string): LogRecord {
  const result = parsed(program, text);
  if (!('ok' in result)) throw new Error(`no record: ${JSON.stringify(result)}`);
  return result.ok;
}
