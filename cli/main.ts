#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander';
import { ConfigError } from '../shared/config/config-error.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addFindingCommands } from './commands/findings.ts';
import { addLogCommands } from './commands/logs.ts';
import { addRelayCommands } from './commands/relay.ts';
import { addRescueCommand } from './commands/rescue.ts';
import { addServiceCommands } from './commands/services.ts';
import { exitCodes, Failure, messageOf } from './failure.ts';
import { defaultPlaces } from './places.ts';

const program = new Command('holdfast')
  .description('Finds the stolen account behind the spam, holds its mail on every relay, ends its sessions, proves it.')
  .version('0.1.0')
  .addOption(new Option('--config <dir>', 'folder of hub.yaml, agent.yaml, exec.yaml').default(defaultPlaces.config))
  .addOption(new Option('--state <dir>', 'folder of databases, keys and journals').default(defaultPlaces.state))
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError('(--help says more)')
  .exitOverride();

addServiceCommands(program);
addDemoCommand(program);
addRelayCommands(program);
addFindingCommands(program);
addLogCommands(program);
addRescueCommand(program);

// A pipe that closes early (`| head`) ends us quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.fine);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
  console.error(`holdfast: ${messageOf(error)}`);
  if (error instanceof Failure) return error.exitCode;
  if (error instanceof ConfigError) return exitCodes.usage;
  if (process.env['HOLDFAST_DEBUG'] !== undefined) console.error(error);
  return exitCodes.failure;
}
