import { parseLine } from '../shared/parse/line.ts';
import type { Counters } from './counters.ts';
import type { CursorFile } from './cursor-file.ts';
import type { Line } from './lines.ts';
import type { Packer } from './packer.ts';
import type { Sender } from './queue-client.ts';
import type { Cursor, Tail } from './tail.ts';
import type { Urgency } from './urgency.ts';

const lazyMs = 10_000;
const earlyMs = 250;

/**
 * Ships one maillog. There is no spool, because the log is one: the durable cursor moves only when the queue has
 * acknowledged a pack, and nothing is read ahead of the one pack in hand. So kill -9, a full disk and a hub that is
 * away for days lose nothing as long as the site keeps its logs (logrotate's four generations, compressed or not),
 * and the agent itself needs no space. What was sent but not noted is sent again: duplicates are harmless (I2).
 */
export class Shipper {
  readonly #tail: Tail;
  readonly #packer: Packer;
  readonly #cursorFile: CursorFile;
  readonly #sender: Sender;
  readonly #urgency: Urgency;
  readonly #counters: Counters;
  readonly #signal: AbortSignal;
  /** Monotonic ms at which the pack in hand leaves at the latest. */
  #dueMs = Number.POSITIVE_INFINITY;
  #early = false;
  /** Behind the last line of the pack in hand. */
  #cursor: Cursor | undefined;

  constructor(parts: {
    tail: Tail;
    packer: Packer;
    cursorFile: CursorFile;
    sender: Sender;
    urgency: Urgency;
    counters: Counters;
    signal: AbortSignal;
  }) {
    this.#tail = parts.tail;
    this.#packer = parts.packer;
    this.#cursorFile = parts.cursorFile;
    this.#sender = parts.sender;
    this.#urgency = parts.urgency;
    this.#counters = parts.counters;
    this.#signal = parts.signal;
  }

  /** Until the signal. */
  async run(): Promise<void> {
    let started = false;
    while (!this.#signal.aborted) {
      const nowMs = performance.now();
      const chunk = await this.#tail.next(Math.min(1_000, Math.max(0, this.#dueMs - nowMs)), this.#signal);
      if (!started && this.#tail.cursor !== undefined) {
        // Noted before the first pack: a log that rotates before the first acknowledgement is found again.
        if (chunk === undefined) this.#cursorFile.save(this.#tail.cursor);
        else this.#cursorFile.save({ ...chunk.cursor, offset: chunk.from });
        started = true;
      }
      for (const line of chunk?.lines ?? []) {
        if (!this.#packer.add(line)) {
          await this.#flush();
          this.#packer.add(line);
        }
        if (chunk !== undefined) this.#cursor = { ...chunk.cursor, offset: line.end };
        this.#schedule(line, performance.now());
        if (this.#packer.isFull) await this.#flush();
      }
      if (performance.now() >= this.#dueMs) {
        if (this.#early) this.#counters.add('packsEarly');
        await this.#flush();
      }
    }
    await this.#cursorFile.close();
  }

  #schedule(line: Line, nowMs: number): void {
    this.#dueMs = Math.min(this.#dueMs, nowMs + lazyMs);
    const login = submittedBy(line.text);
    if (login === undefined || !this.#urgency.submission(login, nowMs) || this.#early) return;
    this.#early = this.#urgency.takeEarlyFlush(nowMs);
    if (this.#early) this.#dueMs = Math.min(this.#dueMs, nowMs + earlyMs);
  }

  async #flush(): Promise<void> {
    const cursor = this.#cursor;
    if (this.#packer.isEmpty || cursor === undefined) return;
    const pack = this.#packer.take();
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#early = false;
    if (!(await this.#sender.send(pack))) return;
    this.#cursorFile.save(cursor);
    this.#counters.add('packsSent');
    this.#counters.add('linesShipped', pack.n);
  }
}

/** The login of an acceptance line; undefined for any other. */
function submittedBy(text: string): string | undefined {
  // Few lines hold it: parsing the rest would be for nothing. What a stranger writes into a line is the parser's care.
  if (!text.includes(' sasl_method=')) return undefined;
  const parsed = parseLine(text, { zone: 'UTC', nearMicros: 0 });
  return 'ok' in parsed && parsed.ok.kind === 'acceptance' ? parsed.ok.login : undefined;
}
