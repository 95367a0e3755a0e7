import type { AccountRule } from '../../shared/account/account.ts';
import type { Rule } from '../../shared/decide/rules.ts';
import { IdsEngine } from '../../shared/ids/engine.ts';
import type { RowSink } from '../../shared/ids/row.ts';
import { feed } from './feed.ts';
import { logFile } from './log-file.ts';
import { ProgressBar } from './progress.ts';
import { Scan, type ScanFinding } from './scan.ts';
import { SpillFile } from './spill-file.ts';
import { sayTorn } from './unread.ts';

export interface ScanResult {
  readonly relays: readonly string[];
  readonly lines: {
    readonly total: number;
    readonly parsed: number;
    readonly ignored: number;
    readonly malformed: number;
  };
  readonly accounts: number;
  readonly findings: readonly ScanFinding[];
}

/**
 * Runs detection over logs in log time. What it counts are submissions: nobody has to follow links. `witness` is shown
 * every row, too.
 */
export async function scanLogs(
  paths: readonly string[],
  rules: readonly Rule[],
  accountRule: AccountRule,
  zone: string,
  witness?: RowSink,
): Promise<ScanResult> {
  const bar = new ProgressBar();
  const spill = new SpillFile();
  const scan = new Scan(rules, accountRule);
  const sink = witness === undefined ? scan : both(witness, scan);
  const engine = new IdsEngine({ ownHost: () => undefined, rows: 'known', spill, sink, directOnly: true });
  try {
    await feed(paths.map(logFile), engine, {
      zone,
      year: undefined,
      between(progress) {
        bar.show(progress);
        scan.advance();
        return undefined;
      },
      torn(path) {
        bar.clear();
        sayTorn(path);
      },
      idle: () => undefined,
    });
    engine.end();
  } finally {
    spill.close();
    bar.clear();
  }
  const findings = scan.end();
  const relays = [...new Set(engine.places.filter(({ used }) => used).map(({ relay }) => relay.name))];
  return { relays, lines: engine.lines, accounts: scan.accounts, findings };
}

function both(first: RowSink, second: RowSink): RowSink {
  return {
    plain(row) {
      first.plain(row);
      second.plain(row);
    },
    row(row) {
      first.row(row);
      second.row(row);
    },
  };
}
