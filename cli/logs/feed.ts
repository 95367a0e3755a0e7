import { LogClock } from '../../shared/ids/clock.ts';
import type { LogBytes, LogFile } from './log-file.ts';

/** What reads lines from bytes, as `IdsEngine` does: returns the index after the last whole line that it read. */
export interface LineReader {
  read(bytes: Buffer, from: number, end: number, clock: LogClock, untilMicros: number): number;
  /** A line that is too long to be one was left out. */
  leftOut(): void;
}

export interface FeedOptions {
  readonly zone: string;
  /** Year of the first line, where lines name none. */
  readonly year: number | undefined;
  /** Called between chunks; what it returns is awaited. */
  readonly between: (progress: Progress) => Promise<void> | undefined;
  /** A file ended within a line. */
  readonly torn: (path: string) => void;
  /** Input has come to a stop, though it has not ended. */
  readonly idle: () => Promise<void> | undefined;
}

export interface Progress {
  /** Of all files, packed ones as they are; undefined where the whole is unknown. */
  readonly totalBytes: number | undefined;
  readonly readBytes: number;
}

const dayMicros = 86_400_000_000;
/** A file is read this much further than the next file's present line before that one has its turn. */
const slackMicros = 60_000_000;
const peekBytes = 1 << 16;
/** No syslog daemon writes longer lines; what is longer is no line, and skipped to its end. */
const maxLineBytes = 1 << 20;
const idleMs = 1000;

/**
 * Reads logs side by side in the order of their log time, whatever their order on the command line, so that files of
 * several relays, and overlapping copies of one, meet where they belong. A file is opened when its turn comes.
 */
export async function feed(files: readonly LogFile[], reader: LineReader, options: FeedOptions): Promise<void> {
  const sources = await Promise.all(files.map((file) => Source.peek(file, options.zone)));
  adjustYears(sources, options.year);
  const waiting = sources.sort((a, b) => a.nowMicros - b.nowMicros);
  const totalBytes = files.every(({ sizeBytes }) => sizeBytes !== undefined)
    ? files.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0)
    : undefined;
  let doneBytes = 0;
  try {
    while (waiting.length > 0) {
      const source = waiting[0];
      const next = waiting[1];
      if (source === undefined) break;
      const untilMicros = next === undefined ? Number.POSITIVE_INFINITY : next.nowMicros + slackMicros;
      const more = await source.read(reader, untilMicros, options.idle);
      if (!more) {
        if (source.isTorn) options.torn(source.file.path);
        waiting.shift();
        doneBytes += source.file.sizeBytes ?? 0;
      }
      waiting.sort((a, b) => a.nowMicros - b.nowMicros);
      const readBytes = doneBytes + waiting.reduce((sum, { position }) => sum + position, 0);
      await options.between({ totalBytes, readBytes });
    }
  } finally {
    for (const source of sources) source.close();
  }
}

/** Where lines name no year, the first one's is given: all files move with the one that begins first. */
function adjustYears(sources: readonly Source[], year: number | undefined): void {
  if (year === undefined) return;
  const first = Math.min(...sources.map(({ nowMicros }) => nowMicros));
  const offset = year - new Date(first / 1000).getUTCFullYear();
  for (const source of sources) source.move(offset);
}

/** One log on its way through a reader. */
class Source {
  readonly file: LogFile;
  readonly #zone: string;
  #clock: LogClock;
  #log: LogBytes | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  /** Bytes that follow those in `#buffer`. */
  #later: Buffer | undefined;
  #from = 0;
  #end = 0;
  #skipping = false;
  /** Lines that were skipped, and not told yet. */
  #leftOut = 0;
  #pending: Promise<Buffer | undefined> | undefined;

  constructor(file: LogFile, zone: string, firstMicros: number) {
    this.file = file;
    this.#zone = zone;
    this.#clock = new LogClock(zone, firstMicros);
  }

  /** Looks at a file's first lines to see when it begins. */
  static async peek(file: LogFile, zone: string): Promise<Source> {
    const log = file.open();
    const head: Buffer[] = [];
    for (let bytes = 0; bytes < peekBytes; ) {
      const chunk = await log.next();
      if (chunk === undefined) break;
      head.push(chunk);
      // Of a live log there may be no more for now.
      bytes += file.sizeBytes === undefined ? peekBytes : chunk.length;
    }
    const bytes = Buffer.concat(head);
    const source = new Source(file, zone, firstMicros(bytes, zone, file.writtenAt * 1000));
    // A pipe cannot be opened again.
    if (file.sizeBytes === undefined) {
      source.#log = log;
      source.#append(bytes);
    } else {
      log.close();
    }
    return source;
  }

  get nowMicros(): number {
    return this.#clock.nowMicros;
  }

  get position(): number {
    return this.#log?.position ?? 0;
  }

  /** Whether bytes are left that are no whole line. */
  get isTorn(): boolean {
    return this.#end > this.#from || this.#skipping;
  }

  /** Moves the year of stamps without one. */
  move(years: number): void {
    const at = new Date(this.#clock.nowMicros / 1000);
    at.setUTCFullYear(at.getUTCFullYear() + years);
    // Before it, so that of an hour that passes twice the first one is taken.
    this.#clock = new LogClock(this.#zone, (at.getTime() - 2 * 3_600_000) * 1000);
  }

  /**
   * Reads on until `untilMicros`, at most to the end of what is there; false at the end of the file. What follows the last
   * newline is not read: a login may be cut there, and be somebody else's (I1).
   */
  async read(reader: LineReader, untilMicros: number, idle: () => Promise<void> | undefined): Promise<boolean> {
    for (; this.#leftOut > 0; this.#leftOut--) reader.leftOut();
    const from = this.#from;
    if (this.#from < this.#end) this.#from = reader.read(this.#buffer, from, this.#end, this.#clock, untilMicros);
    if (this.#from > from) return true;
    const chunk = await this.#next(idle);
    if (chunk !== undefined) {
      this.#append(chunk);
      return true;
    }
    this.close();
    return false;
  }

  close(): void {
    this.#log?.close();
  }

  async #next(idle: () => Promise<void> | undefined): Promise<Buffer | undefined> {
    const later = this.#later;
    this.#later = undefined;
    if (later !== undefined) return later;
    this.#log ??= this.file.open();
    this.#pending ??= this.#log.next();
    if (this.file.sizeBytes === undefined) {
      const timer = Promise.withResolvers<'idle'>();
      const timeout = setTimeout(() => timer.resolve('idle'), idleMs);
      const first = await Promise.race([this.#pending, timer.promise]);
      clearTimeout(timeout);
      if (first === 'idle') await idle();
    }
    const chunk = await this.#pending;
    this.#pending = undefined;
    return chunk;
  }

  /** What was not read yet, and the new bytes behind it: only the line that both share is put together. */
  #append(chunk: Buffer): void {
    const rest = this.#buffer.subarray(this.#from, this.#end);
    const lineEnd = chunk.indexOf(10) + 1;
    if (rest.length === 0) {
      this.#set(chunk);
    } else if (rest.length + (lineEnd === 0 ? chunk.length : lineEnd) > maxLineBytes) {
      this.#skipping = true;
      this.#set(chunk);
    } else if (lineEnd === 0) {
      this.#set(Buffer.concat([rest, chunk]));
    } else {
      this.#set(Buffer.concat([rest, chunk.subarray(0, lineEnd)]));
      this.#later = chunk.subarray(lineEnd);
    }
    if (!this.#skipping) return;
    const newline = this.#buffer.indexOf(10);
    this.#skipping = newline < 0;
    if (!this.#skipping) this.#leftOut += 1;
    this.#from = newline < 0 ? this.#end : newline + 1;
  }

  #set(bytes: Buffer): void {
    this.#buffer = bytes;
    this.#from = 0;
    this.#end = bytes.length;
  }
}

/**
 * When the first line that has a time was written. Where it names no year, the latest that does not lie after the
 * file's own last change.
 */
function firstMicros(bytes: Buffer, zone: string, writtenAtMicros: number): number {
  for (let from = 0, tries = 0; tries < 100; tries++) {
    const newline = bytes.indexOf(10, from);
    const end = newline < 0 ? bytes.length : newline;
    // The line before it was half a year before the file's end, if anything: so half a year more or less is no matter.
    let nearMicros = writtenAtMicros - 180 * dayMicros;
    for (let years = 0; years < 9; years++) {
      const micros = new LogClock(zone, nearMicros).timeOf(bytes, from, end);
      if (micros === undefined) break;
      if (micros <= writtenAtMicros + 2 * dayMicros || years === 8) return micros;
      nearMicros -= 365 * dayMicros;
    }
    if (newline < 0) break;
    from = newline + 1;
  }
  return writtenAtMicros;
}
