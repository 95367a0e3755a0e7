import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { type AccountRule, canonicalAccount } from '../shared/account/account.ts';
import { type DesiredOrder, desiredEntry } from '../shared/wire/orders.ts';
import { writeDurably } from './cursor-file.ts';
import { type Log, reasonOf, Trouble } from './log.ts';
import { isMissing } from './log-files.ts';

const kept = z.object({
  generation: z.int(),
  entries: z.array(desiredEntry.pick({ account: true, until: true })),
});
type Kept = z.infer<typeof kept>;

/**
 * The accounts contained on this relay, as far as the agent carried their orders and exec took them. It only says whose
 * new messages are worth a hint; what is in force is exec's to know.
 */
export class InForce {
  readonly #path: string;
  readonly #trouble: Trouble;
  #generation: number;
  #until: ReadonlyMap<string, number>;
  #pieces = new Map<number, DesiredOrder>();

  private constructor(path: string, log: Log, { generation, entries }: Kept) {
    this.#path = path;
    this.#trouble = new Trouble(log, `writing ${path}`);
    this.#generation = generation;
    this.#until = new Map(entries.map(({ account, until }) => [account, until]));
  }

  static async load(path: string, log: Log): Promise<InForce> {
    try {
      return new InForce(path, log, kept.parse(JSON.parse(await readFile(path, 'utf8'))));
    } catch (error) {
      if (!isMissing(error)) log.warn({ reason: reasonOf(error) }, `${path} is unusable: waiting for the next order`);
      return new InForce(path, log, { generation: 0, entries: [] });
    }
  }

  accounts(nowMs: number): string[] {
    return [...this.#until].filter(([, until]) => until > nowMs).map(([account]) => account);
  }

  has(login: string, rule: AccountRule, nowMs: number): boolean {
    if (this.#until.size === 0) return false;
    const account = canonicalAccount(login, rule);
    return account !== undefined && (this.#until.get(account) ?? 0) > nowMs;
  }

  /** Takes an order that exec has taken; a generation counts once all its pieces came. The accounts it adds. */
  async take(order: DesiredOrder): Promise<string[]> {
    const staged = this.#pieces.values().next().value?.generation ?? 0;
    if (order.generation <= this.#generation || order.generation < staged) return [];
    if (order.generation > staged) this.#pieces = new Map();
    this.#pieces.set(order.piece.index, order);
    if (this.#pieces.size < order.piece.count) return [];
    const entries = [...this.#pieces.values()].flatMap((piece) => piece.entries);
    const added = entries.map(({ account }) => account).filter((account) => !this.#until.has(account));
    this.#generation = order.generation;
    this.#until = new Map(entries.map(({ account, until }) => [account, until]));
    this.#pieces = new Map();
    await this.#write();
    return added;
  }

  async #write(): Promise<void> {
    const entries = [...this.#until].map(([account, until]) => ({ account, until }));
    try {
      await writeDurably(this.#path, JSON.stringify({ generation: this.#generation, entries } satisfies Kept));
      this.#trouble.over();
    } catch (error) {
      this.#trouble.says(reasonOf(error));
    }
  }
}
