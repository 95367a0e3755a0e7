import { type Answer, ask, claimsOfJson } from './ask.ts';
import { Dice } from './dice.ts';
import { Fuzz } from './fuzz.ts';

/** What the command did wrong with hostile input; nothing, if it is right. */
export type Faults = readonly string[];

const linesPerChunk = 10_000;
const maxExamples = 20;

function* chunksOf(fuzz: Fuzz, lines: number): Generator<Buffer> {
  while (fuzz.lines < lines) yield fuzz.next(linesPerChunk);
}

/** `ids` over damaged lines: it ends well, and says nothing that no clean line says. */
export async function fuzzIds(lines: number, seed: number): Promise<Faults> {
  const fuzz = new Fuzz(seed);
  const clean = await ask(idsOfInput, [fuzz.clean()]);
  const answer = await ask(idsOfInput, chunksOf(fuzz, lines));
  const faults = [...endedBadly(clean), ...endedBadly(answer, fuzz.lines), ...fuzz.framed];
  if (faults.length > 0) return faults;
  const derived = new Set(claimsOfJson(clean).map(whose));
  const known = new Set(claimsOfJson(clean).map((claim) => claim.split(' ')[2]));
  for (const claim of claimsOfJson(answer)) {
    const [, , queueId] = claim.split(' ');
    const isRight = claim.endsWith(' direct')
      ? fuzz.allowed.has(whose(claim))
      : // What follows from a damaged ID or name is nobody else's mail, and in nobody else's name.
        derived.has(whose(claim)) || !known.has(queueId) || !fuzz.accounts.has(accountIn(claim));
    if (!isRight && faults.push(`no clean line says: ${claim}`) >= maxExamples) break;
  }
  return faults;
}

/** `scan` over damaged lines: each is counted, and once. */
export async function fuzzScan(lines: number, seed: number): Promise<Faults> {
  const fuzz = new Fuzz(seed);
  const answer = await ask(scanOfInput, chunksOf(fuzz, lines));
  return [...fuzz.framed, ...counted(answer, fuzz.lines)];
}

/** Both commands over random bytes, of which every 256th ends a line: nothing attributed, everything counted. */
export async function fuzzBytes(megabytes: number, seed: number): Promise<Faults> {
  let lines = 0;
  function* chunks(): Generator<Buffer> {
    const dice = new Dice(seed);
    for (let count = 0; count < megabytes; count++) {
      const bytes = Buffer.alloc(1e6);
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(Math.floor(dice.roll() * 2 ** 32), at);
      for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines += 1;
      yield bytes;
    }
    lines += 1;
    yield Buffer.from('\n');
  }
  const ids = await ask(idsOfInput, chunks());
  lines = 0;
  const scan = await ask(scanOfInput, chunks());
  return [...endedBadly(ids, lines), ...ids.lines.map((line) => `attributed: ${line}`), ...counted(scan, lines)];
}

/** One line that will not end: the memory that it takes is bounded. It is no line until it has ended. */
export async function fuzzEndless(megabytes: number): Promise<Faults> {
  function* chunks(end: string): Generator<Buffer> {
    yield Buffer.from(
      'Nov 24 10:13:12 mx postfix/smtpd[1]: ABCDEF0123: client=unknown[192.0.2.1], sasl_method=PLAIN, ',
    );
    const bytes = Buffer.alloc(1e6, 'x');
    for (let count = 0; count < megabytes; count++) yield bytes;
    yield Buffer.from(end);
  }
  const ids = await ask(idsOfInput, chunks(''));
  const scan = await ask(scanOfInput, chunks('\n'));
  const isSaid = ids.code === 0 && ids.stderr === 'holdfast: standard input: ends within a line, which was not read\n';
  return [
    ...(isSaid ? [] : [`ended with ${ids.code}: ${ids.stderr}`]),
    ...ids.lines.map((line) => `attributed: ${line}`),
    ...counted(scan, 1),
  ];
}

const idsOfInput = ['ids', '--json', '--timezone', 'UTC', '-'];
const scanOfInput = ['scan', '--json', '--timezone', 'UTC', '-'];

function accountIn(claim: string): string {
  return claim.split(' ').slice(3, -1).join(' ');
}

/** `queueId account`. */
function whose(claim: string): string {
  return `${claim.split(' ')[2]} ${accountIn(claim)}`;
}

/** `ids` says how many of so many lines it could not read, and exits 2 where that is all. */
function endedBadly({ code, stderr }: Answer, lines?: number): string[] {
  const [, malformed, total] = /^holdfast: (\d+) of (\d+) lines could not be read\n$/.exec(stderr) ?? [];
  const isSaid = stderr === '' || (malformed !== undefined && lines !== undefined && Number(total) === lines);
  return isSaid && code === (malformed !== undefined && malformed === total ? 2 : 0)
    ? []
    : [`ended with ${code}: ${stderr}`];
}

/** `scan` accounts for each line once, says on stderr how many it could not read, and exits 2 where that is all. */
function counted({ code, stderr, lines: printed }: Answer, expected: number): string[] {
  if (code === null || code > 2) return [`ended with ${code}: ${stderr}`];
  const { lines }: { lines: Record<string, number> } = JSON.parse(printed.join('\n'));
  const { total = 0, parsed = 0, ignored = 0, malformed = 0 } = lines;
  const faults: string[] = [];
  if (total !== expected) faults.push(`${expected} lines given, ${total} counted`);
  if (parsed + ignored + malformed !== total) faults.push(`not all of them accounted for: ${JSON.stringify(lines)}`);
  const said = malformed === 0 ? '' : `holdfast: ${malformed} of ${total} lines could not be read\n`;
  if (stderr !== said) faults.push(`said ${JSON.stringify(stderr)} instead of ${JSON.stringify(said)}`);
  if ((code === 2) !== (malformed > 0 && malformed === total)) faults.push(`ended with ${code}`);
  return faults;
}
