import { execFile } from 'node:child_process';
import { appendFile, copyFile, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Counters } from './counters.ts';
import type { Log } from './log.ts';
import { type Cursor, Tail } from './tail.ts';

const never = new AbortController().signal;
const said: string[] = [];
const log: Log = {
  info: (_, message) => said.push(message),
  warn: (_, message) => said.push(message),
  error: (_, message) => said.push(message),
};

let folder: string;
let file: string;
let counters: Counters;
const open: Tail[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-tail-'));
  file = join(folder, 'mail.log');
  counters = new Counters();
  said.length = 0;
});

afterEach(async () => {
  for (const tail of open.splice(0)) await tail.close();
  await rm(folder, { recursive: true });
});

function tailFrom(cursor: Cursor | undefined): Tail {
  const tail = new Tail({ file, cursor, log, counters });
  open.push(tail);
  return tail;
}

/** As logrotate does: gzip keeps the time of last writing to the nanosecond. */
async function gzip(path: string): Promise<void> {
  await promisify(execFile)('gzip', [path]);
}

type Step =
  | { readonly do: 'append'; readonly pieces: readonly string[] }
  | { readonly do: 'rotate' | 'compress' | 'copytruncate' | 'read' | 'readOne' | 'crash' | 'crashBack' };

const piece = fc.oneof(
  fc.string({ maxLength: 40, unit: 'grapheme-ascii' }).map((text) => `${text}\n`),
  fc.string({ maxLength: 40, unit: 'grapheme-ascii' }),
  fc.constant(`${'y'.repeat(1500)}\n`),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => ({ do: 'append' as const, pieces })),
  },
  { weight: 6, arbitrary: fc.constantFrom<Step>({ do: 'read' }, { do: 'readOne' }) },
  { weight: 5, arbitrary: fc.constantFrom<Step>({ do: 'rotate' }, { do: 'compress' }, { do: 'copytruncate' }) },
  { weight: 3, arbitrary: fc.constantFrom<Step>({ do: 'crash' }, { do: 'crashBack' }) },
);

/** What was written and what a reader made of it. */
class Site {
  readonly written: string[] = [];
  /** What a writer began and never ended: no lines (I1). */
  readonly torn: string[] = [];
  readonly read = new Set<string>();
  readonly cursors: (Cursor | undefined)[] = [];
  #generations = 0;
  #serial = 0;
  #unfinished = '';
  tail: Tail = tailFrom(undefined);
  #expectedFrom: number | undefined;

  async start(): Promise<void> {
    expect(await this.tail.next(0, never)).toBeUndefined();
    this.cursors.push(this.tail.cursor);
  }

  async append(pieces: readonly string[]): Promise<void> {
    for (const text of pieces) {
      // A time stamp of its own begins each line, as in a real log.
      const stamped = this.#unfinished === '' ? `${String(this.#serial++).padStart(9, '0')} ${text}` : text;
      await appendFile(file, stamped);
      this.#unfinished += stamped;
      if (stamped.endsWith('\n')) this.#finishLine();
    }
  }

  #finishLine(): void {
    if (this.#unfinished !== '') this.written.push(this.#unfinished.replace(/\n$/, ''));
    this.#unfinished = '';
  }

  async #shift(): Promise<void> {
    for (let n = this.#generations; n >= 1; n--) {
      for (const suffix of ['', '.gz']) {
        await rename(`${file}.${n}${suffix}`, `${file}.${n + 1}${suffix}`).catch(() => undefined);
      }
    }
    this.#generations += 1;
  }

  async rotate(): Promise<void> {
    await this.#shift();
    await rename(file, `${file}.1`).catch(() => undefined);
    await writeFile(file, '');
    if (this.#unfinished !== '') this.torn.push(this.#unfinished);
    this.#unfinished = '';
  }

  async copyTruncate(): Promise<void> {
    // A writer that keeps its file open leaves no half line behind for good: it completes what it began.
    if (this.#unfinished !== '') await this.append(['\n']);
    await this.#shift();
    await copyFile(file, `${file}.1`).catch(() => undefined);
    await truncate(file).catch(() => undefined);
  }

  async compress(): Promise<void> {
    if (this.#generations >= 2) await gzip(`${file}.2`).catch(() => undefined);
  }

  async readSome(chunks: number): Promise<void> {
    for (let n = 0; n < chunks; n++) {
      const chunk = await this.tail.next(0, never);
      if (chunk === undefined) return;
      if (this.#expectedFrom !== undefined) expect([0, this.#expectedFrom]).toContain(chunk.from);
      for (const line of chunk.lines) this.read.add(line.text);
      expect(chunk.lines.at(-1)?.end).toBe(chunk.to);
      this.#expectedFrom = chunk.to;
      this.cursors.push(chunk.cursor);
    }
  }

  async crash(cursorsBack: number): Promise<void> {
    await this.tail.close();
    const cursor = this.cursors.at(Math.max(-1 - cursorsBack, -this.cursors.length));
    this.tail = tailFrom(cursor);
    this.#expectedFrom = cursor?.offset;
  }
}

describe('any interleaving of writing, rotating, truncating, compressing and crashing', () => {
  it('gives out every complete line at least once and no other, in chains without a gap', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        await rm(folder, { recursive: true, force: true });
        folder = await mkdtemp(join(tmpdir(), 'holdfast-tail-'));
        file = join(folder, 'mail.log');
        await writeFile(file, '');
        counters = new Counters();
        const site = new Site();
        await site.start();
        for (const next of steps) {
          if (next.do === 'append') await site.append(next.pieces);
          else if (next.do === 'rotate') await site.rotate();
          else if (next.do === 'copytruncate') {
            // A generation that came and went between two looks (50 ms) leaves no trace; one look knows its first bytes.
            await site.readSome(1_000);
            await site.copyTruncate();
          } else if (next.do === 'compress') await site.compress();
          else if (next.do === 'read') await site.readSome(1_000);
          else if (next.do === 'readOne') await site.readSome(1);
          else await site.crash(next.do === 'crash' ? 0 : 2);
        }
        // Twice: a log truncated and grown to its old size within one tick of the clock shows with the next line.
        for (const last of ['nearly the end\n', 'the end\n']) {
          await site.append([last]);
          await site.readSome(10_000);
        }
        await site.tail.close();
        expect(site.written.filter((line) => !site.read.has(line))).toEqual([]);
        expect(site.torn.filter((text) => site.read.has(text))).toEqual([]);
        expect(counters.get('logGaps')).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
