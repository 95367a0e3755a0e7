import type { Command } from 'commander';
import { placesOf } from '../places.ts';

/**
 * The programs that stay: hub, agent, exec. They log JSON lines to stdout and end on SIGTERM or SIGINT. Each loads its
 * own part only when it runs, so that root's half holds no code of the others.
 */
export function addServiceCommands(program: Command): void {
  program
    .command('up')
    .description('run the hub; with --agent also agent and exec of this machine (root)')
    .option('--agent', 'enrol this machine if it is not, and run its agent and exec')
    .action(async (options: { agent?: true }, command: Command) => {
      const { up } = await import('../services/up.ts');
      await up(placesOf(command), options.agent ?? false);
    });

  const agent = program
    .command('agent')
    .description(
      'run the relay’s unprivileged half: ships log lines, carries orders. Drops root for the user in agent.yaml',
    )
    .action(async (_options: object, command: Command) => {
      const services = await import('../services/agent.ts');
      await services.agent(placesOf(command));
    });

  agent
    .command('check')
    .description(
      'print the postconf(1) lines that wire the access map in, and where a quarantine cannot hold; edits nothing',
    )
    .option('--json', 'JSON: a list, one object an instance')
    .action(async ({ json }: { json?: true }, command: Command) => {
      const { check } = await import('../services/check.ts');
      await check(placesOf(command), json ?? false);
    });

  program
    .command('exec')
    .description('run the relay’s root half: verifies orders and executes them with Postfix’s own tools')
    .action(async (_options: object, command: Command) => {
      const { exec } = await import('../services/exec.ts');
      await exec(placesOf(command));
    });
}
