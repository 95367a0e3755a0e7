import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { bound } from './child.ts';

export interface Server {
  readonly url: string;
  readonly pid: number;
  /** Resolves when the process is gone. */
  stop(): Promise<void>;
}

export interface ServerStart {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** File for what it prints. No pipe: LocalStack, stopped because its parent was killed, would hang on a broken one. */
  readonly log: string;
  readonly url: string;
  /** Asked until it does not throw. */
  readonly isReady: () => Promise<unknown>;
  readonly signal: AbortSignal;
}

const readyWithinMs = 240_000;

/**
 * A server of its own process, once it answers.
 * @throws Error with the last of what it printed, if it ends or says nothing in time
 */
export async function startServer({
  command,
  args,
  cwd,
  env,
  log,
  url,
  isReady,
  signal,
}: ServerStart): Promise<Server> {
  signal.throwIfAborted();
  const output = openSync(log, 'a');
  const child = spawn(...bound(command, args), {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', output, output],
  });
  closeSync(output);
  let failure: string | undefined;
  const ended = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      failure = error.message;
      resolve();
    });
    child.on('close', (code, byWhat) => {
      failure ??= `ended with ${byWhat ?? code}`;
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    child.stdin?.end();
    await ended;
  };
  const giveUpAt = Date.now() + readyWithinMs;
  for (;;) {
    try {
      await isReady();
      return { url, pid: child.pid ?? 0, stop };
    } catch (error) {
      if (failure === undefined && Date.now() > giveUpAt) failure = `no answer in time: ${error}`;
    }
    if (failure !== undefined || signal.aborted) {
      await stop();
      throw new Error(`${command} at ${url}: ${failure ?? 'stopped'}\n${readFileSync(log, 'utf8').slice(-4000)}`);
    }
    await sleep(200);
  }
}
