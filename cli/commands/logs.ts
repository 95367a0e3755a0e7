import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { AccountRule } from '../../shared/account/account.ts';
import { messagesOf } from '../../shared/correlate/lives.ts';
import { loadRules } from '../../shared/decide/rules.ts';
import { exitCodes } from '../failure.ts';
import { type IdsCommand, ids } from '../logs/ids.ts';
import { type OwnNetwork, readOwnNetwork } from '../logs/own-hosts.ts';
import { readLogs } from '../logs/read-core.ts';
import { scanMessages } from '../logs/scan.ts';
import { printable, table, when } from '../table.ts';

const plainRule: AccountRule = { realmAliases: {} };

export function addLogCommands(program: Command): void {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  program
    .command('ids <FILE...>')
    .description(
      'every queue ID of every account in maillogs (plain, .gz, .zst, .xz, - for standard input); needs no hub',
    )
    .option('--account <name>', 'only this account')
    .option('--relay <name>', 'only this relay (the host in the lines)')
    .option('--instance <name>', 'only this Postfix instance (its syslog_name)')
    .option('--own <cidr=relay>', 'a network of our own and the relay that answers there (repeatable)', ownNetwork)
    .option('--timezone <zone>', 'of lines that carry none', timezone, zone)
    .option('--year <yyyy>', 'of the first line, where lines name none', year)
    .option('--still-queued', 'only where no removal was seen')
    .option('--queue-ids-only', 'bare IDs of mail still queued, for `| postsuper -h -` on that very relay')
    .option('--json', 'NDJSON, with outcomes, a row at the end of each life')
    .action((files: string[], options: IdsCommand) => ids(files, { ...options, own: options.own ?? [] }));

  program
    .command('scan <FILE...>')
    .description('run detection over maillogs in log time. Exits 1 if anything is found')
    .option('--rules <dir>', 'folder of rules', join(import.meta.dirname, '../../rules'))
    .option('--timezone <zone>', 'of lines that carry none', timezone, zone)
    .option('--json', 'one JSON object')
    .action(async (files: string[], options: { rules: string; timezone: string; json?: true }) => {
      const rules = loadRules(options.rules);
      const { parts, lines } = await readLogs(files, options.timezone);
      const result = scanMessages(messagesOf(parts), rules, plainRule);
      if (result.findings.length > 0) process.exitCode = 1;
      if (lines.malformed > 0) console.error(`holdfast: ${lines.malformed} of ${lines.total} lines could not be read`);
      // "Nothing found" in what is no log at all must not look like a clean bill.
      if (lines.malformed > 0 && lines.malformed === lines.total) process.exitCode = exitCodes.usage;
      if (options.json)
        return console.log(JSON.stringify({ relays: parts.map(({ relay }) => relay), lines, ...result }));
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
      for (const each of result.findings)
        console.log(`  ${printable(each.account)}: ${printable(each.evidence.join('; '))}`);
    });
}

function year(text: string): number {
  if (!/^(?:19|20)\d\d$/.test(text)) throw new InvalidArgumentError('want a year like 2026.');
  return Number(text);
}

function ownNetwork(text: string, before: readonly OwnNetwork[] = []): readonly OwnNetwork[] {
  const own = readOwnNetwork(text);
  if (own === undefined) throw new InvalidArgumentError('want CIDR=RELAY, like 10.1.2.0/24=mx2.');
  return [...before, own];
}

function timezone(text: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    throw new InvalidArgumentError('want an IANA zone like Europe/Berlin or UTC.');
  }
}
