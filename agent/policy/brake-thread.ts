import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { AccountRule } from '../../shared/account/account.ts';
import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { PolicyPlace } from './server.ts';
import type { BrakeSettings } from './settings.ts';

export type ToBrake =
  | { readonly rule: AccountRule }
  | { readonly places: readonly PolicyPlace[]; readonly file: string }
  | { readonly close: true };
export type FromBrake =
  | { readonly isReady: true }
  | { readonly counts: Readonly<Record<string, number>> }
  | { readonly log: keyof Log; readonly fields: Readonly<Record<string, unknown>>; readonly text: string };

/** Several times what the brake keeps at its bounds. */
const maxHeapMb = 256;

/** The agent's end of the brake's thread (thread.ts). */
export class BrakeThread {
  readonly #settings: BrakeSettings;
  readonly #places: readonly PolicyPlace[];
  readonly #log: Log;
  #worker: Worker | undefined;
  #rule: AccountRule = { realmAliases: {} };

  private constructor(settings: BrakeSettings, places: readonly PolicyPlace[], log: Log) {
    this.#settings = settings;
    this.#places = places;
    this.#log = log;
  }

  /** Loads its code, which only root may be able to read; it serves once it {@link run}s. */
  static async load(settings: BrakeSettings, places: readonly PolicyPlace[], log: Log): Promise<BrakeThread> {
    const thread = new BrakeThread(settings, places, log);
    thread.#worker = await thread.#start();
    return thread;
  }

  /** Who is an account: the hub's rule, once it is known. */
  setRule(rule: AccountRule): void {
    if (rule === this.#rule) return;
    this.#rule = rule;
    this.#send({ rule });
  }

  /** Until the signal. `file` keeps what is remembered. @throws Error if the thread ends by itself */
  async run(options: { file: string; counters: Counters; signal: AbortSignal }): Promise<void> {
    const { file, counters, signal } = options;
    const worker = this.#worker ?? (await this.#start());
    this.#worker = worker;
    const ended = new Promise<string>((resolve) => {
      worker.once('error', (error) => resolve(String(error)));
      worker.once('exit', (code) => resolve(`exit status ${code}`));
    });
    worker.on('message', (message: FromBrake) => {
      if ('counts' in message) for (const [name, count] of Object.entries(message.counts)) counters.set(name, count);
    });
    const close = () => this.#send({ close: true });
    signal.addEventListener('abort', close, { once: true });
    this.#send({ rule: this.#rule });
    this.#send({ places: this.#places, file });
    if (signal.aborted) close();
    const reason = await ended;
    signal.removeEventListener('abort', close);
    this.#worker = undefined;
    if (!signal.aborted) throw new Error(reason);
  }

  async #start(): Promise<Worker> {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), {
      workerData: this.#settings,
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
    worker.on('message', (message: FromBrake) => {
      if ('log' in message) this.#log[message.log](message.fields, message.text);
    });
    await once(worker, 'message');
    return worker;
  }

  #send(message: ToBrake): void {
    this.#worker?.postMessage(message);
  }
}
