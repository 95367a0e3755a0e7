import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../cli/main.ts');
const keptChars = 20_000;

/** `holdfast ARGS` as a process that may be killed at any moment, also while it starts, and started again on its files. */
export class Program {
  readonly name: string;
  readonly #args: readonly string[];
  /** What its log says once it serves. */
  readonly #ready: string;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #said = '';
  #isWanted = false;
  #ends = 0;

  constructor(name: string, args: readonly string[], ready: string) {
    this.name = name;
    this.#args = args;
    this.#ready = ready;
  }

  /** The last of what it logged, over all its lives. */
  get said(): string {
    return this.#said;
  }

  /** How often it ended though nobody ended it. */
  get ends(): number {
    return this.#ends;
  }

  /** Nothing, if it runs. */
  start(): void {
    if (this.#child !== undefined) return;
    const child = spawn(process.execPath, [main, ...this.#args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#isWanted = true;
    const hear = (chunk: Buffer): void => {
      this.#said = (this.#said + chunk).slice(-keptChars);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    this.#gone = new Promise((resolve) => {
      child.once('close', () => {
        this.#child = undefined;
        if (this.#isWanted) this.#ends += 1;
        resolve();
      });
    });
  }

  /** Starts it and waits until it serves. @throws Error with what it said if it ends before */
  async startAndWait(): Promise<void> {
    this.start();
    while (!this.#said.includes(this.#ready)) {
      if (this.#child === undefined) throw new Error(`${this.name} ended before it was ready: ${this.#said.trim()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** kill -9: nothing of it gets a chance to clean up. False if it was dead already. */
  kill(): Promise<boolean> {
    return this.#end('SIGKILL');
  }

  stop(): Promise<boolean> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<boolean> {
    const child = this.#child;
    if (child === undefined) return false;
    this.#isWanted = false;
    child.kill(signal);
    await this.#gone;
    return true;
  }
}
