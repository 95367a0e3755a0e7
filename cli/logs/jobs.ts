import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { tsvHeader } from '../../shared/ids/row.ts';
import { parseLine } from '../../shared/parse/line.ts';
import { exitCodes, usage } from '../failure.ts';
import { type IdsCommand, ids } from './ids.ts';
import { type LogFile, logFile } from './log-file.ts';

/** What a job says of itself when it is done. */
export interface JobReport {
  readonly relays: readonly string[];
}

/**
 * `holdfast ids --jobs N`: the logs of several relays, by so many processes at once. One relay's files stay together, so
 * that each job has all that its rows depend on; links from relay to relay (`--own`) would not be seen.
 * @throws usage Failure
 */
export async function idsInJobs(paths: readonly string[], jobs: number, command: IdsCommand): Promise<void> {
  if (command.own.length > 0) throw usage('--jobs reads relay by relay: it cannot follow --own from one to another');
  if (command.queueIdsOnly) throw usage('--jobs is for many relays, --queue-ids-only for one');
  if (paths.includes('-')) throw usage('--jobs wants files: standard input is one');
  const groups = await Promise.all(paths.map(logFile).map(async (file) => ({ file, relay: await firstRelayOf(file) })));
  const shares = shared(
    [...Map.groupBy(groups, ({ relay }) => relay).values()].map((group) => group.map(({ file }) => file)),
    jobs,
  );
  if (shares.length < 2) return ids(paths, command);

  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
  try {
    const outputs = shares.map((_, job) => join(folder, String(job)));
    const done = await Promise.all(
      shares.map((files, job) => run(files, command, openSync(outputs[job] ?? '', 'wx', 0o600))),
    );
    process.exitCode = Math.max(...done.map(({ code }) => code));
    if (process.exitCode !== exitCodes.fine) return;
    refuseTornRelays(done.map(({ report }) => report.relays));
    if (!command.json) process.stdout.write(`${tsvHeader}\n`);
    const start = command.json ? 0 : tsvHeader.length + 1;
    for (const path of outputs) await pipeline(createReadStream(path, { start }), process.stdout, { end: false });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The host of the first line that tells one; undefined if none near the beginning does. */
async function firstRelayOf(file: LogFile): Promise<string | undefined> {
  const log = file.open();
  try {
    const text = (await log.next())?.toString('utf8', 0, 1 << 16) ?? '';
    for (const line of text.split('\n')) {
      const parsed = parseLine(line, { zone: 'UTC', nearMicros: file.writtenAt * 1000 });
      if ('ok' in parsed) return parsed.ok.host;
    }
    return undefined;
  } finally {
    log.close();
  }
}

/** The largest group first, each to the job that has least. */
function shared(groups: readonly (readonly LogFile[])[], jobs: number): (readonly LogFile[])[] {
  const bytes = (files: readonly LogFile[]): number => files.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  const shares = Array.from({ length: Math.min(jobs, groups.length) }, (): LogFile[] => []);
  for (const group of groups.toSorted((a, b) => bytes(b) - bytes(a))) {
    const [least] = shares.toSorted((a, b) => bytes(a) - bytes(b));
    least?.push(...group);
  }
  return shares;
}

async function run(
  files: readonly LogFile[],
  command: IdsCommand,
  output: number,
): Promise<{ code: number; report: JobReport }> {
  const args = [
    ...process.execArgv,
    process.argv[1] ?? '',
    'ids',
    ...optionsOf(command),
    '--',
    ...files.map(({ path }) => path),
  ];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', output, 'pipe', 'ipc'] });
  child.stderr?.pipe(process.stderr, { end: false });
  let report: JobReport = { relays: [] };
  child.on('message', (message) => {
    // Its own program wrote it.
    report = message as JobReport;
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? exitCodes.failure));
  });
  return { code, report };
}

function optionsOf({ account, relay, instance, timezone, year, stillQueued, json }: IdsCommand): string[] {
  const texts = Object.entries({ account, relay, instance, timezone, year });
  return [
    ...texts.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])),
    ...(stillQueued ? ['--still-queued'] : []),
    ...(json ? ['--json'] : []),
  ];
}

/** A relay whose lines two jobs read: each had a part of what its rows depend on. */
function refuseTornRelays(relays: readonly (readonly string[])[]): void {
  const seen = new Set<string>();
  for (const relay of relays.flat()) {
    if (seen.has(relay)) throw usage(`${relay} has lines in several relays' files: read them without --jobs`);
    seen.add(relay);
  }
}
