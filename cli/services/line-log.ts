import type { Log } from '../../agent/log.ts';

/** JSON lines on stdout in pino's shape, from a program that loads no logger: exec is root's. */
export function lineLog(): Log {
  const write = (level: number) => (fields: object, msg: string) =>
    void process.stdout.write(`${JSON.stringify({ level, time: Date.now(), pid: process.pid, ...fields, msg })}\n`);
  return { info: write(30), warn: write(40), error: write(50) };
}
