import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { startPostfix } from '../../lab/postfix.ts';
import { readQueue, type TruthFile } from '../../lab/queue-truth.ts';
import type { Lying, RelayMaker } from './fleet.ts';

const main = join(import.meta.dirname, '../main.ts');

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

export interface RunningProgram {
  stop(): Promise<void>;
  /** kill -9: nothing of it gets a chance to clean up. */
  kill(): Promise<void>;
}

/** Starts `holdfast ARGS` and waits until its log says `ready`. @throws Error with what it said if it ends before */
export async function startProgram(
  args: readonly string[],
  ready: string,
  onLog: (line: string) => void,
): Promise<RunningProgram> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      onLog(chunk.toString());
      said = (said + chunk).slice(-4000);
      if (said.includes(ready)) resolve();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    void gone.then(() => reject(new Error(`holdfast ${args[0]} ended before it was ready: ${said.trim()}`)));
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await gone;
  };
  return { stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}
