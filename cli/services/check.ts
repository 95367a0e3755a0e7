import { join } from 'node:path';
import { execConfig } from '../../agent/exec/config.ts';
import { checkWiring } from '../../agent/exec/wiring.ts';
import { loadConfig } from '../../shared/config/load.ts';
import { exitCodes } from '../failure.ts';
import type { Places } from '../places.ts';

/** `holdfast agent check`: what is still to be typed. It edits nothing itself. */
export async function check({ config: folder }: Places, json: boolean): Promise<void> {
  const { instances } = loadConfig(join(folder, 'exec.yaml'), execConfig);
  const wirings = [];
  for (const instance of instances) wirings.push(await checkWiring(instance));
  if (wirings.some(({ commands, warnings }) => commands.length + warnings.length > 0)) {
    process.exitCode = exitCodes.findings;
  }
  if (json) return console.log(JSON.stringify(wirings));
  for (const { instance, commands, warnings } of wirings) {
    for (const warning of warnings) console.log(`# ${instance}: ${warning}`);
    if (commands.length === 0) console.log(`# ${instance}: the access map is wired in`);
    for (const command of commands) console.log(command);
  }
}
