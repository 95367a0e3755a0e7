import { exitCodes } from '../failure.ts';

/** A file that ends within a line: a login may be cut there, and be somebody else's (I1). */
export function sayTorn(path: string): void {
  console.error(`holdfast: ${path === '-' ? 'standard input' : path}: ends within a line, which was not read`);
}

/** Says how much could not be read. Nothing found in what is no log at all must not look like an answer. */
export function sayUnread({ total, malformed }: { readonly total: number; readonly malformed: number }): void {
  if (malformed === 0) return;
  console.error(`holdfast: ${malformed} of ${total} lines could not be read`);
  if (malformed === total) process.exitCode = exitCodes.usage;
}
