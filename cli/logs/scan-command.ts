import type { AccountRule } from '../../shared/account/account.ts';
import { messagesOf } from '../../shared/correlate/lives.ts';
import { loadRules } from '../../shared/decide/rules.ts';
import { exitCodes } from '../failure.ts';
import { printable, table, when } from '../table.ts';
import { readLogs } from './read-core.ts';
import { scanMessages } from './scan.ts';

export interface ScanCommand {
  /** Folder of rules. */
  readonly rules: string;
  readonly timezone: string;
  readonly json?: true;
}

const plainRule: AccountRule = { realmAliases: {} };

/** `holdfast scan`: detection over maillogs in log time. */
export async function scan(paths: readonly string[], { rules, timezone, json }: ScanCommand): Promise<void> {
  const loaded = loadRules(rules);
  const { parts, lines } = await readLogs(paths, timezone);
  const result = scanMessages(messagesOf(parts), loaded, plainRule);
  if (result.findings.length > 0) process.exitCode = exitCodes.findings;
  if (lines.malformed > 0) console.error(`holdfast: ${lines.malformed} of ${lines.total} lines could not be read`);
  // "Nothing found" in what is no log at all must not look like a clean bill.
  if (lines.malformed > 0 && lines.malformed === lines.total) process.exitCode = exitCodes.usage;
  if (json) return console.log(JSON.stringify({ relays: parts.map(({ relay }) => relay), lines, ...result }));
  console.log(
    `${lines.total} lines (${lines.parsed} parsed, ${lines.ignored} ignored, ${lines.malformed} malformed), ${result.accounts} accounts`,
  );
  const rows = result.findings.map((each) => [
    each.account,
    each.rule,
    each.severity,
    when(each.openedAt),
    String(each.messagesBeforeOpen),
    each.response,
  ]);
  console.log(
    rows.length === 0
      ? 'nothing found'
      : table(['ACCOUNT', 'RULE', 'SEVERITY', 'OPENED', 'MESSAGES BEFORE', 'RESPONSE'], rows),
  );
  for (const { account, evidence } of result.findings) {
    console.log(`  ${printable(account)}: ${printable(evidence.join('; '))}`);
  }
}
