import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { agentConfig } from '../../agent/config.ts';
import { execConfig } from '../../agent/exec/config.ts';
import { startExec } from '../../agent/exec/main.ts';
import type { QueueName } from '../../agent/exec/postfix.ts';
import { startAgent } from '../../agent/main.ts';
import { SimulatedRelay } from '../../lab/simulated.ts';
import { loadConfig } from '../../shared/config/load.ts';
import type { Lying, RelayMaker } from './fleet.ts';

const queues: readonly QueueName[] = ['incoming', 'active', 'deferred', 'hold'];

interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Queue models behind exec's own Postfix port: for machines without Postfix or root. Agent and exec are the real ones. */
export function simulatedRelays(user: string, log: Log): RelayMaker {
  return {
    simulated: true,
    mailSide: async (name, folder, cast) => {
      await mkdir(folder, { recursive: true });
      const maillog = join(folder, 'mail.log');
      const relay = new SimulatedRelay({ name, maillog, users: cast.credentials, realm: cast.realm });
      const instances = [{ name, configDirectory: folder }];
      return {
        places: { maillogs: [maillog], instances, user },
        side: {
          lab: relay,
          maillog,
          truth: async () => {
            const lying = new Map<string, Lying>();
            for await (const file of relay.scan(name, queues)) {
              const { queue, ...message } = file;
              const digest = createHash('sha256').update(JSON.stringify(message)).digest('hex');
              const who = {
                ...(file.login !== undefined && { login: file.login }),
                ...(file.client !== undefined && { client: file.client }),
              };
              lying.set(file.queueId, { held: queue === 'hold', digest, ...who });
            }
            return lying;
          },
          startHoldfast: async ({ config, state }) => {
            const exec = await startExec({
              config: loadConfig(join(config, 'exec.yaml'), execConfig),
              stateDirectory: state,
              postfix: relay,
              log,
            });
            const agent = await startAgent({
              config: loadConfig(join(config, 'agent.yaml'), agentConfig),
              stateDirectory: state,
              log,
              listing: (instance) => relay.postqueueJson(instance),
            });
            return async () => {
              await agent.close();
              await exec.close();
            };
          },
          stop: () => relay.stop(),
        },
      };
    },
  };
}
