import { join } from 'node:path';
import { pino } from 'pino';
import { agentConfig } from '../../agent/config.ts';
import { becomeAgentUser, startAgent } from '../../agent/main.ts';
import { loadConfig } from '../../shared/config/load.ts';
import { checkSecretFile } from '../../shared/config/secret-file.ts';
import { lockState } from '../../shared/config/state-lock.ts';
import type { Places } from '../places.ts';
import { makeStateFolder, untilEnded } from './stay.ts';

/** `holdfast agent`: reads its config as root, then drops to its own user for good. */
export async function agent({ config, state }: Places): Promise<void> {
  const log = pino();
  const file = join(config, 'agent.yaml');
  checkSecretFile(file);
  const parsed = loadConfig(file, agentConfig);
  makeStateFolder(state);
  const loaded = await becomeAgentUser({ config: parsed, stateDirectory: state, log });
  const lock = lockState(join(state, 'agent'), 'agent');
  const running = await startAgent({ config: parsed, stateDirectory: state, log, ...loaded });
  log.info({}, 'agent is ready');
  await untilEnded();
  await running.close();
  lock.release();
}
