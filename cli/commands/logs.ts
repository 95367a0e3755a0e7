import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { type AccountRule, canonicalAccount } from '../../shared/account/account.ts';
import { type Attribution, attribute, ownHosts } from '../../shared/correlate/links.ts';
import { isMessage, messagesOf } from '../../shared/correlate/lives.ts';
import { loadRules } from '../../shared/decide/rules.ts';
import { usage } from '../failure.ts';
import { readLogs } from '../logs/read-core.ts';
import { scanMessages } from '../logs/scan.ts';
import { printable, table, when } from '../table.ts';

const plainRule: AccountRule = { realmAliases: {} };
const header = 'relay\tinstance\tqueueId\taccount\tacceptedAt\tattribution\tsender\tclient';

interface IdsOptions {
  readonly account?: string;
  readonly relay?: string;
  readonly instance?: string;
  readonly timezone: string;
  readonly stillQueued?: true;
  readonly queueIdsOnly?: true;
  readonly json?: true;
}

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
    .option('--timezone <zone>', 'of lines that carry none', timezone, zone)
    .option('--still-queued', 'only where no removal was seen')
    .option('--queue-ids-only', 'bare IDs of mail still queued, for `| postsuper -h -` on that very relay')
    .option('--json', 'NDJSON')
    .action(async (files: string[], options: IdsOptions) => ids(files, options));

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

async function ids(files: readonly string[], options: IdsOptions): Promise<void> {
  const { parts } = await readLogs(files, options.timezone);
  const wanted = options.account === undefined ? undefined : canonicalAccount(options.account, plainRule);
  const rows = attribute(messagesOf(parts), ownHosts(new Map()))
    .filter(({ message }) => isMessage(message))
    .filter(({ message }) => options.relay === undefined || message.relay === options.relay)
    .filter(({ message }) => options.instance === undefined || message.instance === options.instance)
    .filter(({ login }) => wanted === undefined || canonicalAccount(login, plainRule) === wanted)
    .filter(({ message }) => !(options.stillQueued || options.queueIdsOnly) || message.removedAtMicros === undefined)
    .sort((a, b) => a.message.acceptedAtMicros - b.message.acceptedAtMicros);
  if (options.queueIdsOnly) {
    const places = new Set(rows.map(({ message }) => `${message.relay} ${message.instance}`));
    if (places.size > 1) {
      throw usage(`IDs of ${places.size} places (${[...places].join(', ')}): choose one with --relay and --instance`);
    }
    for (const { message } of rows) console.log(message.queueId);
    return;
  }
  if (!options.json) console.log(header);
  for (const row of rows)
    console.log(options.json ? JSON.stringify(jsonRow(row)) : Object.values(fields(row)).map(tsv).join('\t'));
}

function fields({ message, login, how }: Attribution): Record<string, string> {
  return {
    relay: message.relay,
    instance: message.instance,
    queueId: message.queueId,
    account: canonicalAccount(login, plainRule) ?? login,
    acceptedAt: rfc3339(message.acceptedAtMicros),
    attribution: how,
    sender: message.sender ?? '',
    client: message.client ?? '',
  };
}

function jsonRow(row: Attribution): object {
  const outcomes = Object.fromEntries(
    [...Map.groupBy(row.message.outcomes, ({ status }) => status)].map(([status, list]) => [status, list.length]),
  );
  return { ...fields(row), outcomes };
}

function tsv(text: string): string {
  return text.replaceAll('\t', '?');
}

/** RFC 3339 in UTC with six fraction digits. */
function rfc3339(micros: number): string {
  const seconds = new Date(Math.floor(micros / 1_000_000) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(micros % 1_000_000).padStart(6, '0')}Z`;
}

function timezone(text: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    throw new InvalidArgumentError('want an IANA zone like Europe/Berlin or UTC.');
  }
}
