import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { type CommandOrder, commandOrder } from '../shared/wire/orders.ts';
import { writeDurably } from './cursor-file.ts';
import { type Log, reasonOf } from './log.ts';
import { isMissing } from './log-files.ts';

const kept = z.record(z.string(), commandOrder.pick({ act: true, backfill: true }));
type OwnAct = z.infer<typeof kept>[string];

/** Waiting at a time; further ones stay in the queue. */
const maxWaiting = 100;

/**
 * Commands that the agent itself carries out (snapshot, backfill). It obeys only what exec has verified, so each is
 * noted before it goes to exec and done when exec answers `done`; a crash between them loses nothing, because exec
 * repeats its answer.
 */
export class OwnActs {
  readonly #path: string;
  readonly #acts: Map<string, OwnAct>;

  private constructor(path: string, acts: Map<string, OwnAct>) {
    this.#path = path;
    this.#acts = acts;
  }

  static async load(path: string, log: Log): Promise<OwnActs> {
    try {
      return new OwnActs(path, new Map(Object.entries(kept.parse(JSON.parse(await readFile(path, 'utf8'))))));
    } catch (error) {
      if (!isMissing(error)) log.warn({ reason: reasonOf(error) }, `${path} is unusable`);
      return new OwnActs(path, new Map());
    }
  }

  static isOwn(order: CommandOrder): boolean {
    return order.act === 'snapshot' || order.act === 'backfill';
  }

  /** @throws Error if it cannot be noted: then it may not be handed to exec either */
  async note(order: CommandOrder): Promise<void> {
    if (this.#acts.has(order.jti)) return;
    if (this.#acts.size >= maxWaiting) throw new Error(`${maxWaiting} commands of the agent's own wait already`);
    this.#acts.set(order.jti, {
      act: order.act,
      ...(order.backfill === undefined ? {} : { backfill: order.backfill }),
    });
    try {
      await this.#write();
    } catch (error) {
      this.#acts.delete(order.jti);
      throw error;
    }
  }

  get(id: string): OwnAct | undefined {
    return this.#acts.get(id);
  }

  async forget(id: string): Promise<void> {
    if (this.#acts.delete(id)) await this.#write();
  }

  async #write(): Promise<void> {
    await writeDurably(this.#path, JSON.stringify(Object.fromEntries(this.#acts)));
  }
}
