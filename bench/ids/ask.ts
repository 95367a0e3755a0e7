import { spawn } from 'node:child_process';
import { join } from 'node:path';

const program = join(import.meta.dirname, '../../cli/main.ts');

/** What `holdfast ids` answered: its exit code, its rows one a line, and its complaint. */
export interface Answer {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly stderr: string;
}

/** Runs `holdfast COMMAND ARGS` to its end, as a script would; `input` is for the file `-`. */
export async function ask(args: readonly string[], input: Iterable<string | Uint8Array> = []): Promise<Answer> {
  const child = spawn(process.execPath, [program, ...args], { stdio: 'pipe' });
  const out: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4000);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  // A command that ends before it has read everything tells why by its exit code.
  child.stdin.on('error', () => {});
  for (const chunk of input) {
    if (!child.stdin.write(chunk)) await drained(child.stdin, ended);
    if (child.exitCode !== null || child.signalCode !== null) break;
  }
  child.stdin.end();
  const code = await ended;
  const text = Buffer.concat(out).toString();
  return { code, stderr, lines: text === '' ? [] : text.replace(/\n$/, '').split('\n') };
}

function drained(stream: NodeJS.WritableStream, ended: Promise<unknown>): Promise<unknown> {
  return Promise.race([new Promise((resolve) => stream.once('drain', resolve)), ended]);
}

/** The fields of a row that say whose which message is: `relay instance queueId account attribution`. */
export type Claim = string;

const header = 'relay\tinstance\tqueueId\taccount\tacceptedAt\tattribution\tsender\tclient';

/** @throws Error if these are no rows of the TSV that scripts depend on. */
export function claimsOfTsv({ lines }: Answer): Claim[] {
  if (lines[0] !== header) throw new Error(`no header but ${JSON.stringify(lines[0])}`);
  return lines.slice(1).map((line) => {
    const [relay, instance, queueId, account, acceptedAt, attribution, sender, client, ...more] = line.split('\t');
    const isRow = sender !== undefined && client !== undefined && more.length === 0;
    if (!isRow || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(acceptedAt ?? ''))
      throw new Error(`no row: ${line}`);
    return [relay, instance, queueId, account, attribution].join(' ');
  });
}

/** @throws Error if these are no NDJSON rows. */
export function claimsOfJson({ lines }: Answer): Claim[] {
  return lines.map((line) => {
    const row: unknown = JSON.parse(line);
    if (typeof row !== 'object' || row === null) throw new Error(`no row: ${line}`);
    const fields = new Map<string, unknown>(Object.entries(row));
    return ['relay', 'instance', 'queueId', 'account', 'attribution'].map((key) => String(fields.get(key))).join(' ');
  });
}

/** As {@link claimsOfTsv}, with acceptedAt in microseconds before the account: what `FILE.rows` of a made-up log holds. */
export function rowsOfTsv({ lines }: Answer): string[] {
  return lines.slice(1).map((line) => {
    const [relay, instance, queueId, account, acceptedAt = '', attribution] = line.split('\t');
    const micros = Date.parse(`${acceptedAt.slice(0, 19)}Z`) * 1000 + Number(acceptedAt.slice(20, 26));
    return [relay, instance, queueId, micros, account, attribution].join(' ');
  });
}
