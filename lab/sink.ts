import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { toolPath } from './run.ts';

const smtpSink = 'smtp-sink';

/** How the next hop takes mail: at once, after a pause per message, or not at all (4xx: the sender defers). */
export type SinkBehaviour = 'normal' | 'slow' | 'refusing';

export interface Sink {
  readonly host: string;
  readonly port: number;
  /** As `relayhost` wants it. */
  readonly nextHop: string;
  stop(): Promise<void>;
}

/** Postfix' own smtp-sink as the world outside: it accepts and forgets. Root only, because it drops to `nobody`. */
export async function startSink(options: {
  behaviour: SinkBehaviour;
  address?: string;
  /** With `slow`: pause before the answer to each DATA. */
  secondsPerMessage?: number;
}): Promise<Sink> {
  const host = options.address ?? '127.0.0.1';
  const port = await freePort(host);
  const args = ['-4', '-u', 'nobody', ...behaviour(options), `${host}:${port}`, '128'];
  const child = spawn(smtpSink, args, { env: { PATH: toolPath }, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-2000);
  });
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', (error) => {
      stderr += error.message;
      resolve();
    });
  });
  for (let tries = 0; !(await answers(host, port)); tries++) {
    if (child.exitCode !== null || tries === 100) {
      child.kill('SIGKILL');
      throw new Error(`smtp-sink did not start: ${stderr}`);
    }
    await sleep(20);
  }
  return { host, port, nextHop: `[${host}]:${port}`, stop: () => stop(child, gone) };
}

function behaviour(options: { behaviour: SinkBehaviour; secondsPerMessage?: number }): string[] {
  switch (options.behaviour) {
    case 'normal':
      return [];
    case 'slow':
      return ['-w', String(options.secondsPerMessage ?? 1)];
    case 'refusing':
      return ['-r', 'mail'];
  }
}

async function stop(child: ChildProcess, gone: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  await gone;
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
