import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoItemTable, type Spent } from '../../aws/items.ts';
import type { Condition, Item, ItemTable, Page, Range, Write } from '../../shared/store/item-table.ts';

export interface Units {
  readonly calls: number;
  /** Of 4 KB, strongly consistent. */
  readonly reads: number;
  /** Of 1 KB. */
  readonly writes: number;
}

/**
 * The item table in DynamoDB Local, with what DynamoDB would charge for it. Two things DynamoDB Local 2.6.1 reckons
 * otherwise than the developer guide ("DynamoDB read and write operations"), and the guide is followed: a query that
 * finds nothing (0 there) is one read unit, and a transaction (4 units there for one small write and for five alike) is
 * two write units for each KB of each item.
 */
export class MeteredTable implements ItemTable {
  readonly #table: DynamoItemTable;
  /** Write units of each item that went through here: a write is charged by the larger of old and new. */
  readonly #unitsOf = new Map<string, number>();
  readonly #byPartition = new Map<string, number>();
  #units: Units = { calls: 0, reads: 0, writes: 0 };

  constructor(client: DynamoDBClient, tableName: string) {
    this.#table = new DynamoItemTable(client, tableName, { onSpent: (spent) => this.#spend(spent) });
  }

  /** The partition keys that took most write units since the last time, with the units. */
  hottest(count: number): [string, number][] {
    const hottest = [...this.#byPartition].sort(([, a], [, b]) => b - a).slice(0, count);
    this.#byPartition.clear();
    return hottest;
  }

  /** What was spent since the last time. */
  take(): Units {
    const units = this.#units;
    this.#units = { calls: 0, reads: 0, writes: 0 };
    return units;
  }

  get(pk: string, sk: string): Promise<Item | undefined> {
    return this.#table.get(pk, sk);
  }

  query(pk: string, range: Range): Promise<Page> {
    return this.#table.query(pk, range);
  }

  async put(item: Item, condition?: Condition): Promise<boolean> {
    const put = await this.#table.put(item, condition);
    this.#heat({ put: item }, 1);
    if (put) this.#keep({ put: item });
    return put;
  }

  async delete(pk: string, sk: string, condition?: Condition): Promise<boolean> {
    const deleted = await this.#table.delete(pk, sk, condition);
    if (deleted) this.#keep({ delete: { pk, sk } });
    return deleted;
  }

  async transact(writes: readonly Write[]): Promise<boolean> {
    for (const write of writes) this.#heat(write, 2);
    const units = writes.map((write) => Math.max(1, this.#unitsOf.get(keyOf(write)) ?? 0, unitsOf(write)));
    const done = await this.#table.transact(writes);
    // One that a condition cancelled is charged too.
    this.#add('writes', 2 * units.reduce((sum, each) => sum + each, 0));
    if (done) for (const write of writes) this.#keep(write);
    return done;
  }

  #heat(write: Write, times: number): void {
    const { pk } = 'put' in write ? write.put : write.delete;
    this.#byPartition.set(pk, (this.#byPartition.get(pk) ?? 0) + times * unitsOf(write));
  }

  #keep(write: Write): void {
    if ('put' in write) this.#unitsOf.set(keyOf(write), unitsOf(write));
    else this.#unitsOf.delete(keyOf(write));
  }

  #spend({ action, units }: Spent): void {
    if (action === 'TransactWriteItems') return;
    const isRead = action === 'GetItem' || action === 'Query';
    this.#add(isRead ? 'reads' : 'writes', Math.max(1, units));
  }

  #add(kind: 'reads' | 'writes', units: number): void {
    this.#units = { ...this.#units, calls: this.#units.calls + 1, [kind]: this.#units[kind] + units };
  }
}

function keyOf(write: Write): string {
  const { pk, sk } = 'put' in write ? write.put : write.delete;
  return `${pk}\0${sk}`;
}

/** An item's size is that of its attributes' names and values; a number takes a byte for two digits, and one more. */
function unitsOf(write: Write): number {
  if ('delete' in write) return 1;
  const { pk, sk, body, version, expiresAtSeconds } = write.put;
  let bytes = Buffer.byteLength(`pk${pk}sk${sk}`);
  bytes +=
    body instanceof Uint8Array ? 'bytes'.length + body.byteLength : Buffer.byteLength(`json${JSON.stringify(body)}`);
  for (const [name, number] of Object.entries({ version, expiresAtSeconds })) {
    if (number !== undefined) bytes += name.length + Math.ceil(String(number).length / 2) + 1;
  }
  return Math.ceil(bytes / 1024);
}
