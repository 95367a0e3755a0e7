import { existsSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { pino } from 'pino';
import { agentConfig } from '../../agent/config.ts';
import { dropPrivileges } from '../../agent/drop.ts';
import { execConfig } from '../../agent/exec/config.ts';
import { startExec } from '../../agent/exec/main.ts';
import { realPostfix } from '../../agent/exec/real.ts';
import { startAgent } from '../../agent/main.ts';
import { loadHubConfig } from '../../hub/config.ts';
import { startHub } from '../../hub/main.ts';
import { loadConfig } from '../../shared/config/load.ts';
import { ApiClient } from '../api-client.ts';
import { type RunningProgram, startProgram } from '../demo/real-relay.ts';
import { usage } from '../failure.ts';
import { type Places, placesOf } from '../places.ts';
import { relayFiles, writeRelayFiles } from './relay.ts';

/** The programs that stay: hub, agent, exec. They log JSON lines to stdout and end on SIGTERM or SIGINT. */
export function addServiceCommands(program: Command): void {
  program
    .command('up')
    .description('run the hub; with --agent also agent and exec of this machine (root)')
    .option('--agent', 'enrol this machine if it is not, and run its agent and exec')
    .action(async (options: { agent?: true }, command: Command) => up(placesOf(command), options.agent ?? false));

  program
    .command('agent')
    .description(
      'run the relay’s unprivileged half: ships log lines, carries orders. Drops root for the user in agent.yaml',
    )
    .action(async (_options: object, command: Command) => {
      const { config, state } = placesOf(command);
      const log = pino();
      const parsed = loadConfig(join(config, 'agent.yaml'), agentConfig);
      makeStateFolder(state);
      dropPrivileges({ user: parsed.user, directories: [join(state, 'agent')], log });
      const agent = await startAgent({ config: parsed, stateDirectory: state, log });
      log.info({}, 'agent is ready');
      await untilEnded();
      await agent.close();
    });

  program
    .command('exec')
    .description('run the relay’s root half: verifies orders and executes them with Postfix’s own tools')
    .action(async (_options: object, command: Command) => {
      const { config: folder, state } = placesOf(command);
      if (process.getuid?.() !== 0) throw usage('exec runs as root: only root may use postsuper(1)');
      const config = loadConfig(join(folder, 'exec.yaml'), execConfig);
      const log = pino();
      makeStateFolder(state);
      const exec = await startExec({
        config,
        stateDirectory: state,
        postfix: await realPostfix(config.instances),
        log,
      });
      log.info({}, 'exec is ready');
      await untilEnded();
      await exec.close();
    });
}

async function up(places: Places, withAgent: boolean): Promise<void> {
  const log = pino();
  makeStateFolder(places.state);
  const hub = await startHub({ config: loadHubConfig(places.config), stateDirectory: places.state, log });
  log.info({ api: hub.apiUrl, sqs: hub.sqsUrl }, 'hub is ready');
  const programs: RunningProgram[] = [];
  try {
    if (withAgent) {
      if (process.getuid?.() !== 0) throw usage('up --agent runs as root: exec is part of it');
      await enrolHere(places, new ApiClient(hub.apiUrl, hub.apiToken, 'up --agent'));
      const place = ['--config', places.config, '--state', places.state];
      const echo = (text: string): void => void process.stdout.write(text);
      programs.push(await startProgram(['exec', ...place], 'exec is ready', echo));
      programs.push(await startProgram(['agent', ...place], 'agent is ready', echo));
    }
    await untilEnded();
  } finally {
    for (const program of programs.reverse()) await program.stop();
    await hub.close();
  }
}

/** Makes agent.yaml and exec.yaml of this machine, unless they are there. */
async function enrolHere(places: Places, api: ApiClient): Promise<void> {
  if (existsSync(join(places.config, 'agent.yaml'))) return;
  const name = hostname().toLowerCase();
  writeRelayFiles(places.config, relayFiles(await api.enrol(name)));
}

/** The programs' own folders lie in it, each closed to everybody else; the agent's user must get through. */
function makeStateFolder(state: string): void {
  mkdirSync(state, { recursive: true, mode: 0o755 });
}

function untilEnded(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve()).once('SIGINT', () => resolve());
  });
}
