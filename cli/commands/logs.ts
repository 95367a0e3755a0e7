import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { IdsCommand } from '../logs/ids.ts';
import type { ScanCommand } from '../logs/scan-command.ts';
import { count, texts, timezone } from './arguments.ts';

export function addLogCommands(program: Command): void {
  program
    .command('ids <FILE...>')
    .description(
      'every queue ID of every account in maillogs (plain, .gz, .zst, .xz, - for standard input); needs no hub',
    )
    .option('--account <name>', 'only this account')
    .option('--relay <name>', 'only this relay (the host in the lines)')
    .option('--instance <name>', 'only this Postfix instance (its syslog_name)')
    .option('--own <cidr=relay>', 'a network of our own and the relay that answers there (repeatable)', texts)
    .option('--timezone <zone>', 'of lines that carry none', timezone, timezone())
    .option('--year <yyyy>', 'of the first line, where lines name none', year)
    .option('--still-queued', 'only where no removal was seen')
    .option('--queue-ids-only', 'bare IDs of mail still queued, for `| postsuper -h -` on that very relay')
    .option('--json', 'NDJSON, with outcomes, a row at the end of each life')
    .option('--jobs <n>', 'so many processes, for the files of several relays', count, 1)
    .action(async (files: string[], options: Omit<IdsCommand, 'own'> & { own?: string[]; jobs: number }) => {
      const { readOwnNetworks } = await import('../logs/own-hosts.ts');
      const command = { ...options, own: readOwnNetworks(options.own ?? []) };
      if (options.jobs > 1) await (await import('../logs/jobs.ts')).idsInJobs(files, options.jobs, command);
      else await (await import('../logs/ids.ts')).ids(files, command);
    });

  program
    .command('scan <FILE...>')
    .description('run detection over maillogs in log time. Exits 1 if anything is found')
    .option('--rules <dir>', 'folder of rules', join(import.meta.dirname, '../../rules'))
    .option('--timezone <zone>', 'of lines that carry none', timezone, timezone())
    .option('--json', 'one JSON object')
    .action(async (files: string[], options: ScanCommand) => {
      const { scan } = await import('../logs/scan-command.ts');
      await scan(files, options);
    });
}

function year(text: string): number {
  if (!/^(?:19|20)\d\d$/.test(text)) throw new InvalidArgumentError('want a year like 2026.');
  return Number(text);
}
