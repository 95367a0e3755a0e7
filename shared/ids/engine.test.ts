import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PartCollector } from '../correlate/collect.ts';
import { type Attribution, attribute, type OwnHost, ownHosts } from '../correlate/links.ts';
import { isMessage, messagesOf } from '../correlate/lives.ts';
import { parseLine } from '../parse/line.ts';
import { LogClock } from './clock.ts';
import { IdsEngine, type IdsOptions } from './engine.ts';
import { disordered, log, written } from './log.fixture.ts';
import { type IdRow, rowOf, tsvLine } from './row.ts';
import { hashText } from './traces.ts';
import { hashOfText } from './words.ts';

const own = ownHosts(new Map([['10.0.0.2', 'mx2']]));
const nearMicros = Date.UTC(2026, 10, 24) * 1000;

/** What the core attributes, as rows. */
function byCore(text: string, ownHost: OwnHost): Attribution[] {
  const collectors = new Map<string, PartCollector>();
  for (const line of text.split('\n')) {
    const parsed = parseLine(line, { zone: 'UTC', nearMicros });
    if (!('ok' in parsed)) continue;
    const { host } = parsed.ok;
    const hash = (id: string): string => hashText(hashOfText(id));
    const collector = collectors.get(host) ?? new PartCollector(host, hash, Number.NEGATIVE_INFINITY);
    collectors.set(host, collector);
    collector.add(parsed);
  }
  const messages = messagesOf([...collectors.values()].map((each) => each.part()));
  return attribute(messages, ownHost).filter(({ message }) => isMessage(message));
}

function byEngine(chunks: readonly Buffer[], options: Partial<IdsOptions> = {}): IdRow[] {
  const rows: IdRow[] = [];
  const blocks: Buffer[] = [];
  const spill = { write: (block: Uint8Array) => void blocks.push(Buffer.from(block)), blocks: () => blocks };
  const sink = { row: (each: IdRow): void => void rows.push(each) };
  const engine = new IdsEngine({ ownHost: own, rows: 'known', outcomes: false, spill, sink, ...options });
  const clock = new LogClock('UTC', nearMicros);
  let rest: Buffer = Buffer.alloc(0);
  for (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    rest = bytes.subarray(engine.read(bytes, 0, bytes.length, clock, Number.POSITIVE_INFINITY));
  }
  engine.end();
  return rows;
}

const lines = (rows: readonly IdRow[]): string[] => rows.map((row) => tsvLine(row, row.login)).sort();
const coreLines = (found: readonly Attribution[]): string[] =>
  lines(found.map(({ message, login }) => rowOf(message, login, false)));

const form = fc.constantFrom('rfc3164' as const, 'rfc3339' as const);
const shuffledLog = log.chain((ordered) => fc.tuple(fc.constant(ordered), disordered(ordered)));

/** Pieces of a buffer, cut anywhere. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });
function pieces(text: string, at: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const places = [0, ...at.map((share) => Math.floor(share * bytes.length)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

describe('ids equals what the core attributes', () => {
  test('over logs in order', () => {
    fc.assert(
      fc.property(log, form, (ordered, how) => {
        const text = written(ordered, how);
        expect(lines(byEngine([Buffer.from(text)]))).toEqual(coreLines(byCore(text, own)));
      }),
      { numRuns: 500 },
    );
  });

  test('I2: over the same lines up to five minutes late, some twice, in pieces cut at any byte', () => {
    fc.assert(
      fc.property(shuffledLog, form, cuts, ([ordered, shuffled], how, at) => {
        const rows = lines(byEngine(pieces(written(shuffled, how), at)));
        expect(rows).toEqual(coreLines(byCore(written(ordered, how), own)));
      }),
      { numRuns: 500 },
    );
  });
});
