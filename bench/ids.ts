/**
 * `holdfast ids` and `scan` beside what an administrator has at hand, on one made-up log, on one core:
 * `node bench/ids.ts [LINES] [RUNS]` (default 1,000,000 and 3; Debian packages time, mawk, pflogsumm, mtail). CPU
 * seconds are user and system time, start-up included, of the best run; all tools take turns. Figures:
 * docs/benchmarks.md.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, rowsOfTsv } from './ids/ask.ts';
import { writeLog } from './ids/log-file.ts';

const lines = Number(process.argv[2] ?? 1_000_000);
const runs = Number(process.argv[3] ?? 3);
/** As installed. */
const program = ['--max-semi-space-size=1', join(import.meta.dirname, '../cli/holdfast.js')];
const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
const log = join(folder, 'mail.log');
const metrics = join(folder, 'sasl.mtail');
const onOneCore = 'taskset';
/** Says that a run found something; no failure here. */
const findings = 1;

interface Tool {
  readonly name: string;
  readonly argv: readonly string[];
  /** The Debian package, where it may be missing. */
  readonly from?: string;
}

const tools: readonly Tool[] = [
  { name: 'grep -c sasl_username', argv: ['grep', '-c', 'sasl_username', log] },
  {
    name: 'mawk, one pattern',
    argv: ['mawk', '/sasl_username=/ { print $6, substr($0, index($0, "sasl_username=") + 14) }', log],
    from: 'mawk',
  },
  {
    name: 'pflogsumm',
    argv: ['pflogsumm', '--syslog-name=(?:postfix|postfix-out|mx\\.bulk)', log],
    from: 'pflogsumm',
  },
  {
    name: 'mtail, one counter',
    argv: ['mtail', '--one_shot', '--progs', metrics, '--logs', log, '--log_dir', folder],
    from: 'mtail',
  },
  { name: 'holdfast ids', argv: [process.execPath, ...program, 'ids', '--timezone', 'UTC', log] },
  { name: 'holdfast scan', argv: [process.execPath, ...program, 'scan', '--timezone', 'UTC', '--json', log] },
];

interface Cost {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly peakMegabytes: number;
}

try {
  writeLog(log, { lines, seed: 1 });
  await writeFile(
    metrics,
    'counter submissions by account\n/sasl_username=(?P<account>.*)$/ {\n  submissions[$account]++\n}\n',
  );
  const megabytes = (await stat(log)).size / 1e6;
  console.log(`${lines} lines, ${Math.round(megabytes)} MB, best of ${runs}`);
  print(await measure());
  await check();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measure(): Promise<Map<Tool, Cost | string>> {
  const best = new Map<Tool, Cost | string>();
  for (let run = 0; run < runs; run++) {
    for (const tool of tools) {
      const known = best.get(tool);
      if (typeof known === 'string') continue;
      const cost = await costOf(tool);
      if (typeof cost === 'string' || known === undefined || cost.cpuSeconds < known.cpuSeconds) best.set(tool, cost);
    }
  }
  return best;
}

/** One run on the first core, its output thrown away; or why there is no cost. */
async function costOf({ argv, from }: Tool): Promise<Cost | string> {
  const report = join(folder, 'cost');
  const args = ['-c', '0', '/usr/bin/time', '-f', '%U %S %e %M', '-o', report, ...argv];
  // Not into /dev/null: grep looks where its output goes, and stops at the first match there.
  const child = spawn(onOneCore, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.resume();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-500);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code === 127) return `missing: apt-get install ${from ?? argv[0]}`;
  if (code !== 0 && code !== findings) return `ended with ${code}: ${stderr.trim()}`;
  // A command that ended with 1 has a line about it in front.
  const figures = (await readFile(report, 'utf8')).trimEnd().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  const [user = 0, system = 0, wallSeconds = 0, peakKilobytes = 0] = figures;
  return { cpuSeconds: user + system, wallSeconds, peakMegabytes: peakKilobytes / 1024 };
}

function print(costs: ReadonlyMap<Tool, Cost | string>): void {
  const mawk = [...costs].find(([{ name }]) => name.startsWith('mawk'))?.[1];
  const base = mawk === undefined || typeof mawk === 'string' ? Number.NaN : mawk.cpuSeconds;
  console.log(
    '| tool | CPU s | lines per CPU s | of mawk’s | elapsed s | peak MB |\n| --- | --- | --- | --- | --- | --- |',
  );
  for (const [{ name }, cost] of costs) {
    if (typeof cost === 'string') {
      console.log(`| ${name} | ${cost} | | | | |`);
      continue;
    }
    const perSecond = Math.round(lines / cost.cpuSeconds).toLocaleString('en');
    const cells = [
      name,
      cost.cpuSeconds.toFixed(2),
      perSecond,
      (base / cost.cpuSeconds).toFixed(3),
      cost.wallSeconds.toFixed(2),
      Math.round(cost.peakMegabytes),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

/** Fast and wrong is no figure: the answer has to be what the log's maker wrote down. */
async function check(): Promise<void> {
  const owed = new Set((await readFile(`${log}.rows`, 'utf8')).trimEnd().split('\n'));
  const answer = await ask(['ids', '--timezone', 'UTC', log]);
  const found = rowsOfTsv(answer);
  const wrong = found.filter((row) => !owed.has(row));
  console.log(`ids: ${owed.size} rows owed, ${found.length} printed, ${wrong.length} of them wrong`);
  if (wrong.length > 0 || found.length !== owed.size) process.exitCode = 1;
}
