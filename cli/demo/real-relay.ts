import { join } from 'node:path';
import { startPostfix } from '../../lab/postfix.ts';
import { readQueue, type TruthFile } from '../../lab/queue-truth.ts';
import { startProgram } from '../services/program.ts';
import type { Lying, RelayMaker } from './fleet.ts';

/** Throwaway Postfix instances on loopback; agent and exec are processes of their own, as on a real relay. */
export function realRelays(onLog: (line: string) => void): RelayMaker {
  let next = 11;
  return {
    simulated: false,
    mailSide: async (name, folder, cast) => {
      const address = `127.0.1.${next++}`;
      const postfix = await startPostfix({
        directory: join(folder, 'postfix'),
        name,
        address,
        users: cast.credentials,
        realm: cast.realm,
        deferTransports: true,
      });
      const instances = [{ name, configDirectory: postfix.configDirectory }];
      return {
        places: { maillogs: [postfix.maillog], instances, user: 'nobody' },
        side: {
          lab: postfix,
          maillog: postfix.maillog,
          queueDirectory: postfix.queueDirectory,
          truth: async () => {
            const files = await readQueue(postfix.queueDirectory);
            return new Map([...files].map(([id, file]) => [id, lying(file)]));
          },
          startHoldfast: async ({ config, state }) => {
            const place = ['--config', config, '--state', state];
            const exec = await startProgram(['exec', ...place], 'exec is ready', onLog);
            const agent = await startProgram(['agent', ...place], 'agent is ready', onLog);
            return async () => {
              await agent.stop();
              await exec.stop();
            };
          },
          stop: () => postfix.stop(),
        },
      };
    },
  };
}

function lying({ queue, sha256, saslUsername, clientAddress }: TruthFile): Lying {
  return {
    held: queue === 'hold',
    digest: sha256,
    ...(saslUsername !== undefined && { login: saslUsername }),
    ...(clientAddress !== undefined && { client: clientAddress }),
  };
}
