import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { childMark } from './stay.ts';

const main = join(import.meta.dirname, '../main.ts');

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
  // Its standard input ends with us, however we end: see untilEnded.
  const env = { ...process.env, [childMark]: '1' };
  const child = spawn(process.execPath, [main, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env });
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
