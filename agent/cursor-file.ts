import { open, readFile, rename } from 'node:fs/promises';
import * as z from 'zod';
import { type Log, reasonOf, Trouble } from './log.ts';
import { isMissing } from './log-files.ts';
import type { Cursor } from './tail.ts';

export const cursorSchema: z.ZodType<Cursor> = z.object({
  dev: z.number(),
  inode: z.number(),
  mtimeMs: z.number(),
  head: z.object({ bytes: z.int().nonnegative(), digest: z.string() }),
  offset: z.int().nonnegative(),
});

/**
 * A cursor that survives the process: written aside, fsynced, renamed into place. Where that fails (full disk) it is
 * said, and shipping goes on: an old cursor only means that lines are shipped again.
 */
export class CursorFile {
  readonly #path: string;
  readonly #log: Log;
  readonly #trouble: Trouble;
  #wanted: Cursor | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#trouble = new Trouble(log, `writing ${path}`);
  }

  /** Undefined if there is none, or none that can be read. */
  async load(): Promise<Cursor | undefined> {
    try {
      return cursorSchema.parse(JSON.parse(await readFile(this.#path, 'utf8')));
    } catch (error) {
      if (!isMissing(error))
        this.#log.error({ reason: reasonOf(error) }, `${this.#path} is unusable: reading from the start`);
      return undefined;
    }
  }

  /** Returns at once; of several in a row the last one is written. */
  save(cursor: Cursor): void {
    const idle = this.#wanted === undefined;
    this.#wanted = cursor;
    if (idle) this.#writing = this.#writeWanted();
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  async #writeWanted(): Promise<void> {
    for (let cursor = this.#wanted; cursor !== undefined; ) {
      try {
        await writeDurably(this.#path, JSON.stringify(cursor));
        this.#trouble.over();
      } catch (error) {
        this.#trouble.says(reasonOf(error));
      }
      // Another one may have come while this one was written.
      if (this.#wanted === cursor) this.#wanted = undefined;
      cursor = this.#wanted;
    }
  }
}

/** All of it or nothing, also across a power cut. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const aside = `${path}.new`;
  const handle = await open(aside, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(aside, path);
}
