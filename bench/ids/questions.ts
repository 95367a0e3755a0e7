import { readFile } from 'node:fs/promises';
import { ask, type Claim, claimsOfJson, claimsOfTsv } from './ask.ts';
import type { Instance } from './rig.ts';
import { accounts, type Truth } from './truth.ts';

/** One way of asking `holdfast ids`, and where its answer differs from the truth. */
export interface Question {
  readonly name: string;
  /** Rows that the truth has. */
  readonly expected: number;
  readonly answered: number;
  readonly missed: readonly Claim[];
  readonly invented: readonly Claim[];
  readonly seconds: number;
}

/** One of two spellings, one that is named in another's name, and the names that read like log lines. */
const askedFor = accounts.filter((account) => !/^user(?!01|05)/.test(account));

/** Asks for everything, then by every option that narrows it. @throws Error where the command itself fails. */
export async function askAll(instances: readonly Instance[], truth: Truth): Promise<Question[]> {
  const logs = instances.map(({ postfix }) => postfix.maillog);
  const contents = await Promise.all(logs.map((log) => readFile(log, 'utf8')));
  const chosen = instances[1];
  if (chosen === undefined) throw new Error('three instances, please');
  const { relay, name } = chosen;
  const here = `${relay} ${name} `;
  const questions = [
    tsv('three logs', ['ids', ...logs], truth.claims),
    json('in another order, NDJSON', ['ids', '--json', ...logs.toReversed()], truth.claims),
    tsv('one log, merged, from standard input', ['ids', '-'], truth.claims, [merged(contents)]),
    json('still queued', ['ids', '--json', '--still-queued', ...logs], truth.queued),
    tsv(
      'one relay',
      ['ids', '--relay', relay, ...logs],
      narrowed(truth.claims, (claim) => claim.startsWith(`${relay} `)),
    ),
    bareIds(
      'queue IDs of one instance',
      ['ids', '--queue-ids-only', '--relay', relay, '--instance', name, ...logs],
      narrowed(truth.queued, (claim) => claim.startsWith(here)),
      here,
    ),
    ...askedFor.map((account) => {
      const own = narrowed(truth.claims, (claim) => ownerIn(claim) === account);
      return tsv(`account ${account}`, ['ids', '--account', account, ...logs], own);
    }),
  ];
  const answers: Question[] = [];
  // One on each of two cores.
  while (questions.length > 0)
    answers.push(...(await Promise.all(questions.splice(0, 2).map((question) => question()))));
  return answers;
}

/** A claim is `relay instance queueId account attribution`, and an account may hold blanks. */
function ownerIn(claim: Claim): string {
  return claim.split(' ').slice(3, -1).join(' ');
}

function narrowed(claims: ReadonlySet<Claim>, keep: (claim: Claim) => boolean): Set<Claim> {
  return new Set([...claims].filter(keep));
}

type Reader = (answer: Awaited<ReturnType<typeof ask>>) => Claim[];

function asking(reader: Reader) {
  return (name: string, args: readonly string[], expected: ReadonlySet<Claim>, input: readonly string[] = []) =>
    async (): Promise<Question> => {
      const started = performance.now();
      const answer = await ask(args, input);
      const seconds = (performance.now() - started) / 1000;
      if (answer.code !== 0 || answer.stderr !== '') throw new Error(`${name}: ${answer.code} ${answer.stderr}`);
      const found = reader(answer);
      const seen = new Set<Claim>();
      // A row that comes twice is one too many.
      const invented = found.filter((claim) => !expected.has(claim) || seen.size === seen.add(claim).size);
      const missed = [...expected].filter((claim) => !seen.has(claim));
      return { name, expected: expected.size, answered: found.length, missed, invented, seconds };
    };
}

const tsv = asking(claimsOfTsv);
const json = asking(claimsOfJson);

/** Bare IDs say neither whose nor how: the truth's claims are cut down to the same. */
function bareIds(name: string, args: readonly string[], expected: ReadonlySet<Claim>, here: string) {
  const ids = new Set([...expected].map((claim) => claim.slice(here.length).split(' ')[0] ?? ''));
  return asking(({ lines }) => [...lines])(name, args, ids);
}

/** Line by line from each log in turn, as one syslogd for several instances writes them. */
function merged(contents: readonly string[]): string {
  const logs = contents.map((text) => text.split('\n').filter((line) => line !== ''));
  const longest = Math.max(...logs.map(({ length }) => length));
  const lines: string[] = [];
  for (let index = 0; index < longest; index++) {
    for (const log of logs) {
      // In proportion, so that the times agree roughly.
      const from = Math.floor((index * log.length) / longest);
      const to = Math.floor(((index + 1) * log.length) / longest);
      lines.push(...log.slice(from, to));
    }
  }
  return `${lines.join('\n')}\n`;
}
