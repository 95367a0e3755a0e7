import type { Condition, Item, ItemTable, Page, Range, Write } from '../../shared/store/item-table.ts';

/** Write units of an item: one each KB (DynamoDB developer guide); keys and names take some forty bytes beside the body. */
function unitsOf({ pk, sk, body }: Item): number {
  const bytes = body instanceof Uint8Array ? body.byteLength : Buffer.byteLength(JSON.stringify(body));
  return Math.ceil((bytes + pk.length + sk.length + 40) / 1024);
}

/** A table that remembers how many write units each partition key took: one partition bears 1,000 a second. */
export class HotKeys implements ItemTable {
  readonly units = new Map<string, number>();
  readonly #table: ItemTable;

  constructor(table: ItemTable) {
    this.#table = table;
  }

  get(pk: string, sk: string): Promise<Item | undefined> {
    return this.#table.get(pk, sk);
  }

  query(pk: string, range: Range): Promise<Page> {
    return this.#table.query(pk, range);
  }

  put(item: Item, condition?: Condition): Promise<boolean> {
    this.#count(item.pk, unitsOf(item));
    return this.#table.put(item, condition);
  }

  delete(pk: string, sk: string, condition?: Condition): Promise<boolean> {
    this.#count(pk, 1);
    return this.#table.delete(pk, sk, condition);
  }

  transact(writes: readonly Write[]): Promise<boolean> {
    for (const write of writes) {
      // A transaction prepares and commits: twice the units.
      if ('put' in write) this.#count(write.put.pk, 2 * unitsOf(write.put));
      else this.#count(write.delete.pk, 2);
    }
    return this.#table.transact(writes);
  }

  /** The hottest partition keys, and forgets them all. */
  take(count: number): [string, number][] {
    const hottest = [...this.units].sort(([, a], [, b]) => b - a).slice(0, count);
    this.units.clear();
    return hottest;
  }

  #count(pk: string, units: number): void {
    this.units.set(pk, (this.units.get(pk) ?? 0) + units);
  }
}
