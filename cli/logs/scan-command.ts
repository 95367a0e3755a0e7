import type { AccountRule } from '../../shared/account/account.ts';
import { loadRules } from '../../shared/decide/rules.ts';
import { exitCodes } from '../failure.ts';
import { printable, table, when } from '../table.ts';
import { scanLogs } from './scan-logs.ts';
import { sayUnread } from './unread.ts';

export interface ScanCommand {
  /** Folder of rules. */
  readonly rules: string;
  readonly timezone: string;
  readonly json?: true;
}

const plainRule: AccountRule = { realmAliases: {} };

/** `holdfast scan`: detection over maillogs in log time. */
export async function scan(paths: readonly string[], { rules, timezone, json }: ScanCommand): Promise<void> {
  const result = await scanLogs(paths, loadRules(rules), plainRule, timezone);
  const { lines } = result;
  if (result.findings.length > 0) process.exitCode = exitCodes.findings;
  sayUnread(lines);
  if (json) return console.log(JSON.stringify(result));
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
