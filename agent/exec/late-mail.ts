import { type Log, reasonOf } from '../log.ts';
import type { Postfix, QueueFile } from './postfix.ts';
import { isQueueId } from './queue-id.ts';

/** `[instance, queueId]` */
export type HintedId = readonly [string, string];

/** Hints that name an instance of ours and hold an ID at all; the others are the agent's mistake. */
export function plausible(postfix: Postfix, ids: readonly HintedId[]): HintedId[] {
  return ids.filter(([instance, queueId]) => postfix.instances.includes(instance) && isQueueId(queueId));
}

/** Bounds (I11). At most as many files are in DATA as there are smtpd processes. */
const maxWatched = 10_000;
const maxPending = 100_000;
const idsPerRound = 2000;
/** How often a message in DATA is looked at: once it is complete, Postfix may deliver it within milliseconds. */
const watchMillis = 100;

/**
 * Mail that comes while a containment stands: IDs that the agent saw in the log, and files still being written. cleanup
 * writes a file's first bytes only when its buffer is full or the message ends, so a message in DATA names no account;
 * any such file is looked at until it is complete or gone.
 */
export class LateMail {
  readonly #postfix: Postfix;
  readonly #log: Log;
  readonly #hold: (files: readonly QueueFile[]) => Promise<unknown>;
  readonly #fallBack: () => void;
  readonly #pending = new Map<string, HintedId>();
  readonly #watched = new Map<string, HintedId>();
  #work: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** `hold` gets complete files outside hold; `fallBack` has the queues swept where hints were lost. */
  constructor(
    parts: { postfix: Postfix; log: Log },
    hold: (files: readonly QueueFile[]) => Promise<unknown>,
    fallBack: () => void,
  ) {
    this.#postfix = parts.postfix;
    this.#log = parts.log;
    this.#hold = hold;
    this.#fallBack = fallBack;
  }

  add(ids: readonly HintedId[]): void {
    if (this.#isClosed) return;
    for (const id of ids) this.#pending.set(id.join('/'), id);
    if (this.#pending.size > maxPending) {
      this.#pending.clear();
      this.#fallBack();
    }
    // An empty round would end before it is remembered as the one at work.
    if (this.#pending.size > 0) this.#work ??= this.#drain();
  }

  watch(id: HintedId): void {
    if (this.#isClosed || this.#watched.size >= maxWatched) return;
    this.#watched.set(id.join('/'), id);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.add(this.#takeWatched());
    }, watchMillis);
  }

  /** No containment stands: nothing to look for. */
  clear(): void {
    this.#pending.clear();
    this.#watched.clear();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.clear();
    await this.#work;
  }

  #takeWatched(): HintedId[] {
    const ids = [...this.#watched.values()];
    this.#watched.clear();
    return ids;
  }

  async #drain(): Promise<void> {
    while (this.#pending.size > 0) {
      const ids = [...this.#pending.values()].slice(0, idsPerRound);
      for (const id of ids) this.#pending.delete(id.join('/'));
      try {
        await this.#hold(await this.#complete(ids));
      } catch (error) {
        this.#log.error({ reason: reasonOf(error) }, 'late mail not held at once; the queues will be swept');
        this.#fallBack();
      }
    }
    this.#work = undefined;
  }

  /** The files behind the IDs that can be held now; those in DATA are watched. */
  async #complete(ids: readonly HintedId[]): Promise<QueueFile[]> {
    const files: QueueFile[] = [];
    for (const id of ids) {
      const file = await this.#postfix.inspect(...id);
      if (file === undefined || file.queue === 'hold') continue;
      if (file.complete) files.push(file);
      else this.watch(id);
    }
    return files;
  }
}
