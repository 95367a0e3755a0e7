import { join } from 'node:path';
import { execConfig } from '../../agent/exec/config.ts';
import { startExec } from '../../agent/exec/main.ts';
import { realPostfix } from '../../agent/exec/real.ts';
import { loadConfig } from '../../shared/config/load.ts';
import { checkSecretFile } from '../../shared/config/secret-file.ts';
import { usage } from '../failure.ts';
import type { Places } from '../places.ts';
import { lineLog } from './line-log.ts';
import { makeStateFolder, untilEnded } from './stay.ts';

/** `holdfast exec`: root's half. It loads nothing but what it needs: no SDK, no logger, no web. */
export async function exec({ config: folder, state }: Places): Promise<void> {
  if (process.getuid?.() !== 0) throw usage('exec runs as root: only root may use postsuper(1)');
  const file = join(folder, 'exec.yaml');
  checkSecretFile(file);
  const config = loadConfig(file, execConfig);
  makeStateFolder(state);
  const log = lineLog();
  const running = await startExec({ config, stateDirectory: state, postfix: await realPostfix(config.instances), log });
  log.info({}, 'exec is ready');
  await untilEnded();
  await running.close();
}
