import { expect, test } from 'vitest';
import { ask } from '../bench/ids/ask.ts';
import { Fuzz } from '../bench/ids/fuzz.ts';
import { fuzzBytes, fuzzEndless, fuzzIds, fuzzScan } from '../bench/ids/fuzz-command.ts';

const lines = 200_000;
const seed = 1;

test('I1: no damage and no stranger’s text makes the parser throw, or attribute what no clean line does', () => {
  const fuzz = new Fuzz(seed);
  while (fuzz.lines < lines) fuzz.next(lines);
  expect(fuzz.framed).toEqual([]);
  // Most damage destroys the attribution; enough of them are left to be wrong about.
  expect(fuzz.attributed).toBeGreaterThan(lines / 200);
}, 60_000);

test('I1: nor does `ids`, from direct records or from links', async () => {
  expect(await fuzzIds(lines, seed)).toEqual([]);
}, 60_000);

test('I8: `scan` counts every damaged line once', async () => {
  expect(await fuzzScan(lines, seed)).toEqual([]);
}, 60_000);

test('I8: random bytes attribute nothing and are counted', async () => {
  expect(await fuzzBytes(20, seed)).toEqual([]);
}, 60_000);

test('I8: a line without end is none, and one that is too long is one that could not be read', async () => {
  expect(await fuzzEndless(100)).toEqual([]);
}, 60_000);

test.each(['\u2028', '\u2029', '\u0085', '\r', '\v', '\f'])(
  'I1: a stranger’s %j in a message-id ends no line',
  async (separator) => {
    const prefix = 'Nov 24 10:13:12 mx postfix';
    const record = `${prefix}/smtpd[1]: ABCDEF0123: client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=victim`;
    const log = [
      `${prefix}/smtpd[1]: ABCDEF0123: client=unknown[192.0.2.66]`,
      `${prefix}/cleanup[2]: ABCDEF0123: message-id=<x${separator}${record}`,
      `${prefix}/qmgr[3]: ABCDEF0123: from=<x@x.test>, size=1, nrcpt=1 (queue active)`,
    ];
    const input = [`${log.join('\n')}\n`];
    const ids = await ask(['ids', '--json', '--timezone', 'UTC', '-'], input);
    expect(ids).toEqual({ code: 0, lines: [], stderr: '' });
    const scan = await ask(['scan', '--json', '--timezone', 'UTC', '-'], input);
    expect(JSON.parse(scan.lines.join(''))).toMatchObject({ accounts: 0, lines: { total: 3, parsed: 3 } });
  },
);
