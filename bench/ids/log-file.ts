import { closeSync, openSync, utimesSync, writeSync } from 'node:fs';
import { buildLog, type LogOptions } from './log.ts';

const chunkCharacters = 1 << 20;

/** Writes a made-up log to `file`, with the time of its last line, and what `ids` owes for it to `FILE.rows`. */
export function writeLog(file: string, options: Omit<LogOptions, 'write' | 'owe'>): void {
  const log = new Chunks(file);
  const rows = new Chunks(`${file}.rows`);
  const endSecond = buildLog({ ...options, write: (text) => log.add(text), owe: (row) => rows.add(`${row}\n`) });
  log.close();
  rows.close();
  utimesSync(file, endSecond, endSecond);
}

/** A file that is written in large pieces. */
class Chunks {
  readonly #file: number;
  #texts: string[] = [];
  #length = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  add(text: string): void {
    this.#texts.push(text);
    this.#length += text.length;
    if (this.#length > chunkCharacters) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    const bytes = Buffer.from(this.#texts.join(''));
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    this.#texts = [];
    this.#length = 0;
  }
}
