import { readFileSync } from 'node:fs';
import { agentConfig } from './config.ts';
import type { Log } from './log.ts';
import { becomeAgentUser, startAgent } from './main.ts';

/**
 * For tests that kill it: an agent from a config in JSON and a state directory. `drop` as a third argument: as on a
 * real relay. `no-queue` as a fourth: without postqueue.
 */
const [configFile = '', stateDirectory = '', drop, noQueue] = process.argv.slice(2);
const log: Log = {
  info: () => undefined,
  warn: (fields, message) => console.error(message, fields),
  error: (fields, message) => console.error(message, fields),
};
const config = agentConfig.parse(JSON.parse(readFileSync(configFile, 'utf8')));
const loaded = drop === 'drop' ? await becomeAgentUser({ config, stateDirectory, log }) : {};
const listing = async function* () {};
await startAgent({ config, stateDirectory, log, ...loaded, ...(noQueue === 'no-queue' ? { listing } : {}) });
