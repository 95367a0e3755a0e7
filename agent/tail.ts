import type { Counters } from './counters.ts';
import { type Line, LineSplitter } from './lines.ts';
import { type Log, reasonOf, Trouble } from './log.ts';
import {
  beginsWith,
  firstBytes,
  type Head,
  headBytes,
  headOf,
  type LogFile,
  type LogReader,
  logFile,
  logFiles,
  openLog,
  readFully,
} from './log-files.ts';
import { pause } from './pause.ts';

/** Where in which generation of a log somebody stands; plain JSON, so that it can be kept. */
export interface Cursor {
  readonly dev: number;
  readonly inode: number;
  readonly mtimeMs: number;
  readonly head: Head;
  /** Offset of the next line's first byte. */
  readonly offset: number;
}

/** Lines of one generation, in order. Successive chunks of a generation join; a new generation begins at 0. */
export interface Chunk {
  readonly lines: readonly Line[];
  readonly from: number;
  readonly to: number;
  /** Behind the last line. For a place within the chunk replace its `offset` by a line's `end`. */
  readonly cursor: Cursor;
}

interface Source {
  readonly file: LogFile;
  readonly reader: LogReader;
  readonly splitter: LineSplitter;
  /** The file's first bytes, up to {@link headBytes}. */
  first: Buffer;
  mtimeMs: number;
  /** Set once a next generation was seen at this one's end; then the end is looked at once more. */
  successor?: LogFile | undefined;
}

const readBytes = 65_536;
const pollMs = 50;

/**
 * Follows a maillog across its generations and gives out complete lines, each at least once: after a crash again from
 * the cursor that the caller kept. Nothing is read before it is asked for: the log itself is the buffer.
 *
 * - Rename rotation: the old file is read to its end, then the next generation from 0. Writers go on with the old file
 *   until they are told, so it counts as finished only when the next one holds something.
 * - Copytruncate: what had not been read is read from the copy, which begins with the same bytes.
 * - Rotated while nobody looked, also several times, also compressed: found again by inode or by its first bytes.
 *
 * Polling instead of fs.watch: a stat costs microseconds, and works on every file system.
 */
export class Tail {
  readonly #path: string;
  readonly #log: Log;
  readonly #counters: Counters;
  readonly #trouble: Trouble;
  #cursor: Cursor | undefined;
  #source: Source | undefined;

  /** Without a cursor it begins at the start of the live file. */
  constructor(options: { file: string; cursor: Cursor | undefined; log: Log; counters: Counters }) {
    this.#path = options.file;
    this.#cursor = options.cursor;
    this.#log = options.log;
    this.#counters = options.counters;
    this.#trouble = new Trouble(options.log, `reading ${options.file}`);
  }

  /** Where the next chunk begins; undefined until the file was found. */
  get cursor(): Cursor | undefined {
    return this.#cursor;
  }

  /** The next lines; undefined if there are none within `waitMs`, or when `signal` aborts. Never throws. */
  async next(waitMs: number, signal: AbortSignal): Promise<Chunk | undefined> {
    const deadline = performance.now() + waitMs;
    while (!signal.aborted) {
      const step = await this.#tryStep();
      if (typeof step === 'object') return step;
      if (step === 'progress') continue;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return undefined;
      await pause(Math.min(pollMs, leftMs), signal);
    }
    return undefined;
  }

  async close(): Promise<void> {
    const reader = this.#source?.reader;
    this.#source = undefined;
    await reader?.close();
  }

  async #tryStep(): Promise<Chunk | 'progress' | 'idle'> {
    try {
      const step = await this.#step();
      // Only lines prove it: a finished generation reads well while the next one cannot be opened.
      if (typeof step === 'object') this.#trouble.over();
      return step;
    } catch (error) {
      if (this.#source?.file.compressed === true) {
        // Its stream has ended by this; the next step goes on behind it.
        this.#gap(`${this.#source.file.path} cannot be unpacked (${reasonOf(error)}): the rest of it is skipped`);
        return 'progress';
      }
      this.#trouble.says(reasonOf(error));
      await this.close();
      return 'idle';
    }
  }

  async #step(): Promise<Chunk | 'progress' | 'idle'> {
    this.#source ??= await this.#begin();
    const source = this.#source;
    if (source === undefined) return 'idle';
    const { reader, splitter } = source;
    const status = reader.status();
    // Written since the last look; it may even have been truncated and have grown to the size it had.
    const isTouched = status.sizeBytes !== splitter.position || status.mtimeMs !== source.mtimeMs;
    source.mtimeMs = status.mtimeMs;
    if (status.sizeBytes < splitter.position) return this.#rewritten(source);
    if (isTouched && !(await this.#beginsAsBefore(source))) return this.#rewritten(source);
    if (status.sizeBytes === splitter.position) return this.#atEnd(source);
    const bytes = await reader.read(splitter.position, readBytes);
    if (bytes.length === 0) return this.#atEnd(source);
    source.successor = undefined;
    return this.#chunk(source, splitter.push(bytes)) ?? 'progress';
  }

  #chunk(source: Source, lines: readonly Line[]): Chunk | undefined {
    const first = lines[0];
    const last = lines.at(-1);
    if (first === undefined || last === undefined) return undefined;
    this.#cursor = cursorAt(source);
    this.#counters.add('linesRead', lines.length);
    return { lines, from: first.offset, to: last.end, cursor: this.#cursor };
  }

  /** Where to go on: at the cursor, wherever that generation is now. */
  async #begin(): Promise<Source | undefined> {
    const files = await logFiles(this.#path);
    const cursor = this.#cursor;
    if (cursor === undefined) {
      const live = files.find((file) => file.live);
      if (live === undefined) this.#trouble.says('no such file yet');
      const source = live && (await this.#open(live, 0));
      this.#cursor = source && cursorAt(source);
      return source;
    }
    const later = files.filter((file) => file.live || file.mtimeMs > cursor.mtimeMs);
    // Nothing is known of a file that was empty, so it may have been filled, copied and truncated meanwhile.
    const same =
      cursor.head.bytes === 0 && later.length > 1
        ? undefined
        : files.find((file) => file.dev === cursor.dev && file.inode === cursor.inode && !file.compressed);
    if (same !== undefined && same.sizeBytes >= cursor.offset && (await beginsWith(same, cursor.head))) {
      return this.#open(same, cursor.offset);
    }
    const copy = cursor.head.bytes === 0 ? undefined : await firstThat(files, (file) => beginsWith(file, cursor.head));
    if (copy !== undefined && (copy.compressed || copy.sizeBytes >= cursor.offset)) {
      return this.#open(copy, cursor.offset);
    }
    const next = copy === undefined ? later[0] : files[files.indexOf(copy) + 1];
    if (next === undefined) return undefined;
    if (copy === undefined && cursor.offset > 0) {
      this.#gap(`the generation read last is gone; going on with ${next.path}: lines between may be missing`);
    }
    return this.#open(next, 0);
  }

  async #open(file: LogFile, offset: number): Promise<Source | undefined> {
    const first = await firstBytes(file, headBytes);
    const reader = await openLog(file);
    const status = reader.status();
    // Renamed between being listed and being opened: look again.
    if (status.inode !== file.inode || status.dev !== file.dev) {
      await reader.close();
      return undefined;
    }
    return { file, reader, splitter: new LineSplitter(offset), first, mtimeMs: status.mtimeMs };
  }

  async #atEnd(source: Source): Promise<Chunk | 'progress' | 'idle'> {
    if (!source.file.compressed && this.#isLive(source)) return 'idle';
    if (source.successor === undefined) {
      source.successor = await this.#successor(source);
      return source.successor === undefined ? 'idle' : 'progress';
    }
    const next = await this.#open(source.successor, 0);
    source.successor = undefined;
    if (next === undefined) return 'progress';
    // What follows the last newline is no line: a login may be cut there, and be somebody else's (I1).
    await this.#switchTo(next);
    return 'progress';
  }

  #isLive(source: Source): boolean {
    const live = logFile(this.#path, this.#path);
    return live !== undefined && live.inode === source.file.inode && live.dev === source.file.dev;
  }

  /** The generation after this one that holds something. */
  async #successor(source: Source): Promise<LogFile | undefined> {
    const files = await logFiles(this.#path);
    const own = files.findIndex((file) => file.dev === source.file.dev && file.inode === source.file.inode);
    const later = own >= 0 ? files.slice(own + 1) : files.filter((file) => file.live || file.mtimeMs >= source.mtimeMs);
    const head = headOf(source.first);
    // What begins with the same bytes is this very generation, compressed or copied.
    return firstThat(later, async (file) => file.sizeBytes > 0 && !(head.bytes > 0 && (await beginsWith(file, head))));
  }

  /** The open file was truncated and written anew (copytruncate). */
  async #rewritten(source: Source): Promise<'progress'> {
    const done = source.splitter.done;
    const head = headOf(source.first);
    const files = await logFiles(this.#path);
    const isOwn = (file: LogFile) => file.dev === source.file.dev && file.inode === source.file.inode;
    const copy = await firstThat(
      files,
      async (file) => head.bytes > 0 && !isOwn(file) && (await beginsWith(file, head)),
    );
    this.#log.info({ file: this.#path, offset: done, copy: copy?.path }, 'the log was truncated');
    const unread = copy !== undefined && (copy.compressed || copy.sizeBytes > done);
    const rewritten = copy === undefined ? files.find(isOwn) : files[files.indexOf(copy) + 1];
    const next = unread ? await this.#open(copy, done) : rewritten && (await this.#open(rewritten, 0));
    if (next === undefined) await this.close();
    else await this.#switchTo(next);
    return 'progress';
  }

  async #switchTo(next: Source): Promise<void> {
    await this.close();
    this.#source = next;
    this.#cursor = cursorAt(next);
  }

  /** False if the file no longer begins with the bytes seen; learns more of them while the file is short. */
  async #beginsAsBefore(source: Source): Promise<boolean> {
    if (source.file.compressed) return true;
    const now = await readFully(source.reader, headBytes);
    if (!now.subarray(0, source.first.length).equals(source.first)) return false;
    source.first = now;
    return true;
  }

  #gap(what: string): void {
    this.#counters.add('logGaps');
    this.#log.error({ file: this.#path }, what);
  }
}

function cursorAt(source: Source): Cursor {
  const { dev, inode } = source.file;
  return { dev, inode, mtimeMs: source.mtimeMs, head: headOf(source.first), offset: source.splitter.done };
}

async function firstThat<T>(items: readonly T[], test: (item: T) => Promise<boolean>): Promise<T | undefined> {
  for (const item of items) if (await test(item)) return item;
  return undefined;
}
