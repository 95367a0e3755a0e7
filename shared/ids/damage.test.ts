import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byCore, byEngine } from './ids.fixture.ts';

const samples = join(import.meta.dirname, '../../test/samples');
const sampleFiles = readdirSync(samples)
  .filter((name) => name.endsWith('.log'))
  .map((name) => readFileSync(join(samples, name), 'utf8').split('\n'))
  .map((lines) => lines.filter((line) => line !== '' && !line.includes('\r')));
const sampleLines = sampleFiles.flat();

test('ids says of real logs what the core says', () => {
  for (const lines of sampleFiles) {
    const text = `${lines.join('\n')}\n`;
    expect(byEngine([Buffer.from(text)])).toEqual(byCore(text));
  }
});

/** Pieces of lines lost, doubled, exchanged for a stranger's, or another line glued on. */
const strange = fc.constantFrom(
  ', sasl_method=PLAIN, sasl_username=victim',
  ', sasl_sender=x, orig_queue_id=25D1E2143CB, orig_client=y',
  ' queued as 25D1E2143CB)',
  '>, size=1, nrcpt=1 (queue active)',
  ', relay=x[127.0.0.1]:25',
  ', status=sent (250 Ok: queued as 25D1E2143CB)',
  'Nov 24 10:13:12 ',
  ' ',
  ':',
  ',',
  '>',
  '"',
  '[',
  'ü',
  '\t',
);
const accident = fc.record({
  where: fc.double({ min: 0, max: 1, noNaN: true }),
  from: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat(40),
  how: fc.constantFrom('cut', 'drop', 'insert', 'overwrite', 'glue'),
  strange,
  other: fc.constantFrom(...sampleLines),
});

type Accident = typeof accident extends fc.Arbitrary<infer T> ? T : never;

function damaged(line: string, { from, length, how, strange: text, other }: Accident): string {
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
}

/** Some successive lines of a log, several of them damaged. */
const damagedLog = fc
  .record({
    file: fc.constantFrom(...sampleFiles),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    count: fc.integer({ min: 5, max: 40 }),
    accidents: fc.array(accident, { minLength: 1, maxLength: 4 }),
  })
  .map(({ file, from, count, accidents }) => {
    const first = Math.floor(from * file.length);
    const lines = file.slice(first, first + count);
    for (const each of accidents) {
      const at = Math.min(Math.floor(each.where * lines.length), lines.length - 1);
      lines[at] = damaged(lines[at] ?? '', each);
    }
    return `${lines.join('\n')}\n`;
  });

test('I1: ids says what the core says, whatever has become of some lines', () => {
  fc.assert(
    fc.property(damagedLog, (text) => {
      expect(byEngine([Buffer.from(text)])).toEqual(byCore(text));
    }),
    { numRuns: 5000 },
  );
}, 120_000);

test('I1: what is no mechanism names nobody', () => {
  const logOf = (method: string): string =>
    `Nov 24 10:13:12 i1 postfix/smtpd[8971]: 25D1E2143CB: client=unknown[127.0.0.1], sasl_method=${method}, sasl_username=victim
Nov 24 10:13:12 i1 postfix/qmgr[1]: 25D1E2143CB: from=<a@x>, size=1, nrcpt=1 (queue active)
`;
  for (const method of ['PL[AIN', 'PLAINrname=x', 'PL:AIN', 'PLÄIN', '', 'A'.repeat(21), 'PLAIN\t', '"PLAIN"'])
    expect(byEngine([Buffer.from(logOf(method))]), method).toEqual([]);
  for (const method of ['PLAIN', 'login', 'SCRAM-SHA-256', 'X_OWN-9', 'A'.repeat(20)])
    expect(byEngine([Buffer.from(logOf(method))]), method).toHaveLength(1);
});
