import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { factOf } from '../correlate/collect.ts';
import type { Fact } from '../correlate/facts.ts';
import { isLoopback } from '../correlate/links.ts';
import { parseLine } from '../parse/line.ts';
import { LogClock } from './clock.ts';
import { type IdAt, type LaneSink, Lanes } from './lanes.ts';
import { disordered, log, written } from './log.fixture.ts';
import { Places } from './place.ts';
import { isIdAt } from './plain-id.ts';
import { hashText } from './traces.ts';
import { type Chunk, hashOfText } from './words.ts';

const zone = 'UTC';
const nearMicros = Date.UTC(2026, 10, 24) * 1000;
const hash = (text: string): string => hashText(hashOfText(text));

interface Told {
  readonly relay: string;
  readonly instance: string;
  readonly queueId: string;
  /** What matters of the fact. */
  readonly fact: unknown;
}

/** What the lanes make of lines, and how many of them went the long way. */
class Listener implements LaneSink {
  readonly told: Told[] = [];
  long = 0;

  accepted(chunk: Chunk, id: IdAt, atMicros: number, from: number, end: number, loginFrom: number, loginEnd: number) {
    const client = chunk.bytes.toString('utf8', from, end);
    const login = chunk.bytes.toString('utf8', loginFrom, loginEnd);
    return this.#tell(chunk, id, { kind: 'accepted', atMicros, client, ...(login !== '' && { login }) });
  }
  messageId(chunk: Chunk, id: IdAt, atMicros: number, idHash: number) {
    return this.#tell(chunk, id, { kind: 'messageId', atMicros, hash: hashText(idHash) });
  }
  queued(chunk: Chunk, id: IdAt, atMicros: number, from: number, end: number) {
    return this.#tell(chunk, id, { kind: 'queued', atMicros, sender: chunk.bytes.toString('utf8', from, end) });
  }
  removed(chunk: Chunk, id: IdAt, atMicros: number) {
    return this.#tell(chunk, id, { kind: 'removed', atMicros });
  }
  delivered(chunk: Chunk, id: IdAt, atMicros: number) {
    // Whether it is a whole record is not asked in a lane: the parser says so here.
    const line =
      chunk.bytes
        .toString('utf8')
        .split('\n')
        .find((each) => each.includes(chunk.bytes.toString('utf8', id.from, id.end))) ?? '';
    const parsed = parseLine(line, { zone, nearMicros });
    if (!('ok' in parsed) || parsed.ok.kind !== 'delivery') return false;
    return this.#tell(chunk, id, { kind: 'outcome', atMicros });
  }
  isOwn(chunk: Chunk, from: number, end: number) {
    return isLoopback(chunk.bytes.toString('utf8', from, end));
  }
  parsed(record: Parameters<LaneSink['parsed']>[0]) {
    this.long += 1;
    const stated = factOf(record, hash);
    if (stated === undefined) return;
    this.told.push({
      relay: record.host,
      instance: record.instance,
      queueId: stated.queueId,
      fact: essence(stated.fact),
    });
  }
  #tell(chunk: Chunk, { place, from, end }: IdAt, fact: unknown): boolean {
    if (!isIdAt(chunk, from, end)) return false;
    const queueId = chunk.bytes.toString('latin1', from, end);
    this.told.push({ relay: place.relay.name, instance: place.instance, queueId, fact });
    return true;
  }
}

/** A fact as far as the lanes tell it. */
function essence(fact: Fact): unknown {
  if (fact.kind === 'queued') return { kind: fact.kind, atMicros: fact.atMicros, sender: fact.sender };
  if (fact.kind !== 'outcome') return fact;
  const linked = fact.child !== undefined && isLoopback(fact.child.address);
  return { kind: fact.kind, atMicros: fact.atMicros, ...(linked && { child: fact.child }) };
}

function byLanes(line: string): { readonly told: readonly Told[]; readonly long: number } {
  const listener = new Listener();
  const bytes = Buffer.from(`${line}\n`);
  new Lanes(listener, new Places(), false).read(bytes, 0, bytes.length, new LogClock(zone, nearMicros), Infinity);
  return listener;
}

function byParser(line: string): Told[] {
  // As it comes from a file: what is no UTF-8 was replaced.
  const parsed = parseLine(Buffer.from(line).toString(), { zone, nearMicros });
  if (!('ok' in parsed)) return [];
  const stated = factOf(parsed.ok, hash);
  if (stated === undefined) return [];
  const { host, instance } = parsed.ok;
  return [{ relay: host, instance, queueId: stated.queueId, fact: essence(stated.fact) }];
}

const samples = join(import.meta.dirname, '../../test/samples');
const sampleLines = readdirSync(samples)
  .filter((name) => name.endsWith('.log'))
  .flatMap((name) => readFileSync(join(samples, name), 'utf8').split('\n'))
  .filter((line) => line !== '' && !line.includes('\r'));

test('a lane says what the parser says, on every real line; most need no parser', () => {
  let long = 0;
  for (const line of sampleLines) {
    const lanes = byLanes(line);
    long += lanes.long;
    expect(lanes.told, line).toEqual(byParser(line));
  }
  expect(long / sampleLines.length).toBeLessThan(0.2);
});

/** Damage: pieces of lines lost, doubled, exchanged for a stranger's, or another line glued on. */
const strange = fc.constantFrom(
  ', sasl_method=PLAIN, sasl_username=victim',
  ' queued as 25D1E2143CB)',
  '>, size=1, nrcpt=1 (queue active)',
  ', relay=x[127.0.0.1]:25',
  'Nov 24 10:13:12 ',
  ' ',
  ':',
  '>',
  '"',
  '[',
  'ü',
  '\t',
);
const damaged = fc
  .record({
    line: fc.constantFrom(...sampleLines),
    other: fc.constantFrom(...sampleLines),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(40),
    how: fc.constantFrom('cut', 'drop', 'insert', 'overwrite', 'glue'),
    strange,
  })
  .map(({ line, other, from, length, how, strange: text }) => {
    const at = Math.floor(from * line.length);
    switch (how) {
      case 'cut':
        return line.slice(0, at);
      case 'drop':
        return line.slice(0, at) + line.slice(at + length);
      case 'insert':
        return line.slice(0, at) + text + line.slice(at);
      case 'overwrite':
        return line.slice(0, at) + text + line.slice(at + text.length);
      default:
        return line.slice(0, at) + other;
    }
  });

test('I1: a lane says what the parser says, whatever has become of a line', () => {
  fc.assert(
    fc.property(damaged, (line) => {
      expect(byLanes(line).told).toEqual(byParser(line));
    }),
    { numRuns: 20_000 },
  );
});

test('I1: what is no mechanism names nobody, in a lane as in the parser', () => {
  const lineOf = (method: string): string =>
    `Nov 24 10:13:12 i1 postfix/smtpd[8971]: 25D1E2143CB: client=unknown[127.0.0.1], sasl_method=${method}, sasl_username=victim`;
  for (const method of ['PL[AIN', 'PLAINrname=x', 'PL:AIN', 'PLÄIN', '', 'A'.repeat(21), 'PLAIN\t', '"PLAIN"']) {
    expect(byLanes(lineOf(method)).told, method).toEqual([]);
    expect(byParser(lineOf(method)), method).toEqual([]);
  }
  for (const method of ['PLAIN', 'login', 'SCRAM-SHA-256', 'X_OWN-9', 'A'.repeat(20)]) {
    expect(byLanes(lineOf(method)), method).toMatchObject({ told: [{ fact: { login: 'victim' } }], long: 0 });
    expect(byParser(lineOf(method)), method).toHaveLength(1);
  }
});

test('a lane says what the parser says on made-up logs', () => {
  fc.assert(
    fc.property(
      log.chain((lines) => disordered(lines)),
      fc.constantFrom('rfc3164' as const, 'rfc3339' as const),
      (lines, form) => {
        for (const line of written(lines, form).trimEnd().split('\n'))
          expect(byLanes(line).told).toEqual(byParser(line));
      },
    ),
    { numRuns: 100 },
  );
});
