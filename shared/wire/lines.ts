import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { LinesMessage } from './events.ts';

/**
 * A pack never unpacks to more: 300 lines of 2 KB are 0.6 MB, of a journal 3.7 MB if JSON escapes each byte. A Lambda holds
 * fifty at once, and a kilobyte can be as much as this.
 */
const maxTextBytes = 4 * 1024 * 1024;
const lineEnd = 0x0a;

/** The body `b` of a pack from `OFFSET TEXT\n` lines. */
export function packLines(text: string): string {
  return zstdCompressSync(text).toString('base64');
}

/**
 * The lines of a pack, without their offsets; bounded, so that a small body cannot become a large one.
 * @throws Error saying what is wrong with the body
 */
export function unpackLines(message: LinesMessage): string[] {
  const bytes = zstdDecompressSync(Buffer.from(message.b, 'base64'), { maxOutputLength: maxTextBytes });
  // Counted before each becomes a string: a million empty lines are megabytes, their strings a hundred times that.
  let ends = 0;
  for (let at = bytes.indexOf(lineEnd); at >= 0; at = bytes.indexOf(lineEnd, at + 1)) {
    ends += 1;
    if (ends > message.n) throw new Error(`it says ${message.n} lines and holds more`);
  }
  const lines = bytes.toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, index) => {
    const blank = line.indexOf(' ');
    if (blank <= 0 || !/^\d+$/.test(line.slice(0, blank)))
      throw new Error(`line ${index + 1} of the pack has no offset`);
    return line.slice(blank + 1);
  });
}
