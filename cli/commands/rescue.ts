import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { placesOf } from '../places.ts';
import type { RescueCommand } from '../rescue/main.ts';
import { count, texts, timezone } from './arguments.ts';

export function addRescueCommand(program: Command): void {
  program
    .command('rescue')
    .description(
      'one burning relay, no hub: ranks its accounts by queue files and log, and changes nothing; exits 1 if one looks ' +
        'stolen. Then holds, purges or releases the mail of one',
    )
    .option('--config-directory <dir>', 'of a Postfix instance; all of this host where absent (repeatable)', texts, [])
    .option('--log <file>', 'maillog (plain, .gz, .zst, .xz; repeatable); the usual one where absent', texts)
    .option('--hold <account>', 'hold all its mail in the queue; says what stops its new mail')
    .option('--purge <account>', 'delete what is selected of its mail in hold, after a preview and a confirmation')
    .option('--release <account>', 'let its mail in hold go')
    .option('--select <selection>', 'only client=CIDR, sender=ADDR or since=TIME; or all (repeatable)', texts, [])
    .option('--keep <selection>', 'never this (repeatable)', texts, [])
    .option('--confirm <account>', 'for scripts: the name of the account to purge, once more')
    .option('--realm <realm>', 'that a login without @ belongs to, as in hub.yaml')
    .option('--realm-alias <from=to>', 'a realm that means another (repeatable)', alias, {})
    .option('--rules <dir>', 'folder of rules', join(import.meta.dirname, '../../rules'))
    .option('--timezone <zone>', 'of log lines that carry none', timezone, timezone())
    .option('--top <n>', 'so many accounts', count, 20)
    .option('--json', 'one JSON object')
    .action(async (options: RescueCommand, command: Command) => {
      const { rescue } = await import('../rescue/main.ts');
      await rescue(placesOf(command), options);
    });
}

function alias(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const [, from, to] = /^([^=\s]+)=([^=\s]+)$/.exec(text.toLowerCase()) ?? [];
  if (from === undefined || to === undefined) throw new InvalidArgumentError('want FROM=TO.');
  return { ...before, [from]: to };
}
