import { readFileSync } from 'node:fs';
import { agentConfig } from './config.ts';
import type { Log } from './log.ts';
import { startAgent } from './main.ts';

/** For the test that kills it: an agent from a config in JSON and a state directory. */
const [configFile = '', stateDirectory = ''] = process.argv.slice(2);
const silent: Log = {
  info: () => undefined,
  warn: () => undefined,
  error: (fields, message) => console.error(message, fields),
};
await startAgent({
  config: agentConfig.parse(JSON.parse(readFileSync(configFile, 'utf8'))),
  stateDirectory,
  log: silent,
  listing: async function* () {},
});
