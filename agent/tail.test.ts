import {
  appendFile,
  copyFile,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Counters } from './counters.ts';
import { maxLineBytes } from './lines.ts';
import type { Log } from './log.ts';
import { type Chunk, type Cursor, Tail } from './tail.ts';

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

async function readAll(tail: Tail): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for (let chunk = await tail.next(0, never); chunk !== undefined; chunk = await tail.next(0, never))
    chunks.push(chunk);
  return chunks;
}

const texts = (chunks: readonly Chunk[]): string[] => chunks.flatMap((chunk) => chunk.lines.map((line) => line.text));

async function gzip(path: string): Promise<void> {
  const { mtime } = await stat(path);
  await writeFile(`${path}.gz`, gzipSync(await readFile(path)));
  await utimes(`${path}.gz`, mtime, mtime);
  await unlink(path);
}

describe('tail', () => {
  it('gives out complete lines only, and the last one when its newline comes', async () => {
    await writeFile(file, 'one\ntw');
    const tail = tailFrom(undefined);
    expect(texts(await readAll(tail))).toEqual(['one']);
    await appendFile(file, 'o\n');
    const [chunk] = await readAll(tail);
    expect(chunk).toMatchObject({ from: 4, to: 8, lines: [{ offset: 4, end: 8, text: 'two' }] });
  });

  it('cuts a line that is too long and goes on behind it', async () => {
    await writeFile(file, `${'x'.repeat(3 * maxLineBytes)}\nnext\n`);
    const chunks = await readAll(tailFrom(undefined));
    expect(texts(chunks).map((text) => text.length)).toEqual([maxLineBytes, 4]);
    expect(chunks.at(-1)?.to).toBe(3 * maxLineBytes + 6);
  });

  it('waits for a file that is not there yet and says so once', async () => {
    const tail = tailFrom(undefined);
    expect(await tail.next(120, never)).toBeUndefined();
    await writeFile(file, 'one\n');
    expect(texts(await readAll(tail))).toEqual(['one']);
    expect(said.filter((message) => message.includes('no such file yet'))).toHaveLength(1);
  });

  it('says that the folder cannot be read and tries on', async () => {
    const tail = new Tail({ file: join(folder, 'later', 'mail.log'), cursor: undefined, log, counters });
    expect(await tail.next(0, never)).toBeUndefined();
    expect(said.join()).toContain('ENOENT');
  });

  it('sees a new line long before the wait is over', async () => {
    await writeFile(file, '');
    const tail = tailFrom(undefined);
    const waiting = tail.next(5_000, never);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const began = performance.now();
    await appendFile(file, 'one\n');
    expect(texts([(await waiting) as Chunk])).toEqual(['one']);
    expect(performance.now() - began).toBeLessThan(2_500);
  });

  it('finishes a renamed file, also what is written to it before the writer changes, then begins a new chain', async () => {
    await writeFile(file, 'one\n');
    const tail = tailFrom(undefined);
    await readAll(tail);
    await rename(file, `${file}.1`);
    await writeFile(file, '');
    expect(await readAll(tail)).toEqual([]);
    await appendFile(`${file}.1`, 'two\nunfinished');
    await appendFile(file, 'three\n');
    const chunks = await readAll(tail);
    // I1: a login may be cut where the file ends.
    expect(texts(chunks)).toEqual(['two', 'three']);
    expect(chunks.map(({ from, to }) => [from, to])).toEqual([
      [4, 8],
      [0, 6],
    ]);
  });

  it('finds its place after several rotations while it was away, compressed ones too', async () => {
    await writeFile(file, 'one\ntwo\n');
    const tail = tailFrom(undefined);
    const [chunk] = await readAll(tail);
    const cursor = { ...(chunk as Chunk).cursor, offset: 4 };
    await rename(file, `${file}.2`);
    await gzip(`${file}.2`);
    await writeFile(`${file}.1`, 'three\n');
    await writeFile(file, 'four\n');
    expect(texts(await readAll(tailFrom(cursor)))).toEqual(['two', 'three', 'four']);
    expect(counters.get('logGaps')).toBe(0);
  });

  it('reads the rest from the copy when the log is truncated in place', async () => {
    await writeFile(file, 'one\n');
    const tail = tailFrom(undefined);
    await readAll(tail);
    await appendFile(file, 'two\n');
    await copyFile(file, `${file}.1`);
    await truncate(file);
    await appendFile(file, 'a longer third line\n');
    const chunks = await readAll(tail);
    expect(texts(chunks)).toEqual(['two', 'a longer third line']);
    expect(chunks.at(-1)?.from).toBe(0);
  });

  it('says loudly that lines may be missing when the generation it stood in is gone', async () => {
    await writeFile(file, 'one\ntwo\n');
    const tail = tailFrom(undefined);
    const [chunk] = await readAll(tail);
    await tail.close();
    await unlink(file);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await writeFile(file, 'three\n');
    expect(texts(await readAll(tailFrom((chunk as Chunk).cursor)))).toEqual(['three']);
    expect(counters.get('logGaps')).toBe(1);
  });

  it('skips the rest of an archive that cannot be unpacked, loudly, and goes on', async () => {
    const text = Array.from({ length: 20_000 }, (_, index) => `line ${index} ${Math.sin(index)}\n`).join('');
    await writeFile(file, text);
    const tail = tailFrom(undefined);
    const first = await tail.next(0, never);
    await tail.close();
    await rename(file, `${file}.2`);
    await gzip(`${file}.2`);
    await truncate(`${file}.2.gz`, 150_000);
    await writeFile(file, 'after\n');
    const chunks = await readAll(tailFrom((first as Chunk).cursor));
    expect(texts(chunks).at(-1)).toBe('after');
    expect(said.join()).toContain('cannot be unpacked');
    expect(counters.get('logGaps')).toBe(1);
  });
});
