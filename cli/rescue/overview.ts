import { accessSync, constants } from 'node:fs';
import type { Postfix, QueueName } from '../../agent/exec/postfix.ts';
import type { AccountRule } from '../../shared/account/account.ts';
import { loadRules } from '../../shared/decide/rules.ts';
import { exitCodes } from '../failure.ts';
import { type ScanResult, scanLogs } from '../logs/scan-logs.ts';
import { sayUnread } from '../logs/unread.ts';
import { printable, table, when } from '../table.ts';
import { Counter } from './counter.ts';
import type { Instance } from './instances.ts';
import { LogTally } from './log-tally.ts';
import { QueueTally } from './queue-tally.ts';
import { type Ranked, rank } from './ranking.ts';
import { shellWord } from './shell.ts';

export interface OverviewCommand {
  readonly rule: AccountRule;
  /** Folder of rules. */
  readonly rules: string;
  /** Those of the instances and of syslog where absent. */
  readonly logs?: readonly string[] | undefined;
  readonly timezone: string;
  readonly top: number;
  readonly json: boolean;
}

const allQueues: readonly QueueName[] = ['incoming', 'active', 'deferred', 'hold'];
const syslogFiles = ['/var/log/mail.log', '/var/log/maillog'];

/** `holdfast rescue`: who burns, from the queue files and the log. Reads, and changes nothing. */
export async function overview(
  postfix: Postfix,
  instances: readonly Instance[],
  command: OverviewCommand,
): Promise<void> {
  const rules = loadRules(command.rules);
  const tally = await readQueues(postfix, command.rule);
  const paths = command.logs ?? usualLogs(instances);
  const logTally = new LogTally(command.rule);
  let log: ScanResult | undefined;
  if (paths.length > 0) {
    log = await scanLogs(paths, rules, command.rule, command.timezone, logTally);
    sayUnread(log.lines);
  }
  const accounts = rank({
    queued: tally.accounts,
    messages: tally.messages,
    queueFindings: tally.judge(rules),
    ...(log === undefined ? {} : { logged: logTally.accounts }),
    logFindings: log?.findings ?? [],
  });
  if (accounts.some(({ looksStolen }) => looksStolen.length > 0)) process.exitCode = exitCodes.findings;
  if (command.json) {
    const { total: queues, ofNobody } = tally;
    console.log(JSON.stringify({ instances, queues, ofNobody, logs: paths, accounts: accounts.slice(0, command.top) }));
  } else print(instances, tally, paths, accounts, command.top);
}

async function readQueues(postfix: Postfix, rule: AccountRule): Promise<QueueTally> {
  const tally = new QueueTally(rule);
  const counter = new Counter();
  for (const instance of postfix.instances) {
    for await (const file of postfix.scan(instance, allQueues)) {
      tally.add(file);
      counter.show(() => `${tally.messages} queue files read`);
    }
  }
  counter.clear();
  return tally;
}

function usualLogs(instances: readonly Instance[]): string[] {
  const own = instances.flatMap(({ maillog }) => maillog ?? []);
  const isForeign = own.length < instances.length;
  return [...new Set([...own, ...(isForeign ? syslogFiles : [])])].filter((path) => {
    try {
      accessSync(path, constants.R_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function print(
  instances: readonly Instance[],
  tally: QueueTally,
  logs: readonly string[],
  accounts: readonly Ranked[],
  top: number,
): void {
  const lines = instances.map(({ name, configDirectory }) => `instance ${name} (${configDirectory})`);
  const { incoming, active, deferred, hold } = tally.total;
  lines.push(
    `${tally.messages} messages: ${incoming} incoming, ${active} active, ${deferred} deferred, ${hold} in hold`,
    `${tally.ofNobody} of them carry no login: inbound, local, or re-injected by a content filter (holdfast ids knows whose)`,
    logs.length === 0 ? 'no log could be read: --log names one' : `log: ${logs.join(', ')}`,
  );
  console.log(lines.map(printable).join('\n'));
  if (accounts.length === 0) console.log('no account has mail here');
  else printAccounts(accounts, top);
}

function printAccounts(accounts: readonly Ranked[], top: number): void {
  const head = ['ACCOUNT', 'QUEUED', 'SHARE', 'IN HOLD', 'RECIPIENTS', 'SENDERS', 'NETWORKS', 'IN LOG', 'NEWEST', ''];
  console.log(table(head, accounts.slice(0, top).map(row)));
  if (accounts.length > top) console.log(`and ${accounts.length - top} more accounts: --top shows them`);
  const suspects = accounts.filter(({ looksStolen }) => looksStolen.length > 0).slice(0, top);
  for (const { account, looksStolen, networks, logged } of suspects) {
    console.log(printable(`${account} looks stolen:`));
    for (const { rule, severity, openedAt, evidence, from } of looksStolen) {
      console.log(
        printable(`  ${rule} (${severity}), seen in the ${from} at ${when(openedAt)}: ${evidence.join('; ')}`),
      );
    }
    const from = networks.top.length > 0 ? networks.top : (logged?.networks.top ?? []);
    console.log(printable(`  came from ${from.map(([network, messages]) => `${network} (${messages})`).join(', ')}`));
  }
  const [first] = suspects;
  const hold = first === undefined ? 'ACCOUNT' : shellWord(first.account);
  if (first === undefined) console.log('no account looks stolen by the rules');
  console.log(printable(`nothing was changed. To hold all mail of one: holdfast rescue --hold ${hold}`));
}

function row(each: Ranked): string[] {
  const { account, logged, looksStolen, newestAt } = each;
  const different = (pick: (of: Pick<Ranked, 'senders' | 'networks'>) => Ranked['senders']): string => {
    const shown = each.queued > 0 || logged === undefined ? pick(each) : pick(logged);
    return `${shown.different}${shown.atLeast ? '+' : ''}`;
  };
  return [
    account,
    String(each.queued),
    `${(each.shareOfQueue * 100).toFixed(1)} %`,
    String(each.held),
    String(each.queued > 0 ? each.recipients : (logged?.recipients ?? 0)),
    different((of) => of.senders),
    different((of) => of.networks),
    logged === undefined ? '-' : String(logged.submissions),
    when(newestAt),
    looksStolen.length > 0 ? 'LOOKS STOLEN' : '',
  ];
}
