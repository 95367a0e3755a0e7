import { existsSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { loadHubConfig } from '../../hub/config.ts';
import { startHub } from '../../hub/main.ts';
import { ApiClient } from '../api/client.ts';
import { relayFiles, writeRelayFiles } from '../api/relays.ts';
import { usage } from '../failure.ts';
import type { Places } from '../places.ts';
import { type RunningProgram, startProgram } from './program.ts';
import { makeStateFolder, untilEnded } from './stay.ts';

/** `holdfast up`: the hub; with `withAgent` also this machine's exec and agent, as programs of their own. */
export async function up(places: Places, withAgent: boolean): Promise<void> {
  const log = pino();
  if (withAgent && process.getuid?.() !== 0) throw usage('up --agent runs as root: exec is part of it');
  makeStateFolder(places.state);
  const hub = await startHub({ config: loadHubConfig(places.config), stateDirectory: places.state, log });
  log.info({ api: hub.apiUrl, sqs: hub.sqsUrl }, 'hub is ready');
  const programs: RunningProgram[] = [];
  try {
    if (withAgent) {
      await enrolHere(places, ApiClient.withToken(hub.apiUrl, hub.apiToken, 'up --agent'));
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
  mkdirSync(places.config, { recursive: true });
  writeRelayFiles(places.config, relayFiles(await api.enrol(hostname().toLowerCase())));
}
