import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { checkItem, checkKey, checkTransaction } from '../shared/store/item-limits.ts';
import type { Condition, Item, ItemTable, Json, Page, Range, Write } from '../shared/store/item-table.ts';
import { optionalInteger, optionalText, type Row, text, transaction } from './database.ts';

/** A page ends after this many bytes of bodies (DynamoDB: 1 MB), so that no page is larger than a caller expects. */
const maxPageBytes = 1_000_000;

const columns = 'pk, sk, json, bytes, version, expires_at_seconds';
const alive = '(expires_at_seconds IS NULL OR expires_at_seconds > :now)';
/** Greater than any text: SQLite sorts blobs after text. */
const aboveAllText = new Uint8Array(1);

/** The item table in the hub's file. Every call is one statement or one transaction, done when it resolves. */
export class SqliteItemTable implements ItemTable {
  readonly #db: DatabaseSync;
  readonly #clock: () => number;
  readonly #get: StatementSync;
  readonly #ascending: StatementSync;
  readonly #descending: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #version: StatementSync;
  readonly #purge: StatementSync;

  /** @param clock ms since the epoch */
  constructor(db: DatabaseSync, clock: () => number = Date.now) {
    this.#db = db;
    this.#clock = clock;
    this.#get = db.prepare(`SELECT ${columns} FROM item WHERE pk = :pk AND sk = :sk AND ${alive}`);
    const query = `SELECT ${columns} FROM item WHERE pk = :pk AND sk >= :low AND sk < :high AND ${alive} ORDER BY sk`;
    this.#ascending = db.prepare(`${query} LIMIT :limit`);
    this.#descending = db.prepare(`${query} DESC LIMIT :limit`);
    this.#put = db.prepare(
      `INSERT OR REPLACE INTO item (${columns}) VALUES (:pk, :sk, :json, :bytes, :version, :expires)`,
    );
    this.#delete = db.prepare('DELETE FROM item WHERE pk = :pk AND sk = :sk');
    this.#version = db.prepare(`SELECT version FROM item WHERE pk = :pk AND sk = :sk AND ${alive}`);
    this.#purge = db.prepare(
      'DELETE FROM item WHERE rowid IN (SELECT rowid FROM item WHERE expires_at_seconds <= :now LIMIT :limit)',
    );
  }

  async get(pk: string, sk: string): Promise<Item | undefined> {
    checkKey(pk, sk);
    const row = this.#get.get({ pk, sk, now: this.#nowSeconds() });
    return row === undefined ? undefined : itemOf(row);
  }

  async query(pk: string, range: Range): Promise<Page> {
    if (!Number.isInteger(range.limit) || range.limit < 1) {
      throw new RangeError(`a query's limit must be a positive whole number, not ${range.limit}`);
    }
    const rows = (range.reverse === true ? this.#descending : this.#ascending).iterate({
      pk,
      ...bounds(range),
      now: this.#nowSeconds(),
      limit: range.limit,
    });
    const items: Item[] = [];
    let bytes = 0;
    for (const row of rows) {
      const item = itemOf(row);
      items.push(item);
      bytes += item.body instanceof Uint8Array ? item.body.byteLength : text(row, 'json').length;
      if (bytes >= maxPageBytes) break;
    }
    const last = items.at(-1);
    // A full page says "more may follow" without looking, as DynamoDB does.
    const full = items.length === range.limit || bytes >= maxPageBytes;
    return full && last !== undefined ? { items, next: last.sk } : { items };
  }

  async put(item: Item, condition?: Condition): Promise<boolean> {
    checkItem(item);
    return this.#writeAll([condition === undefined ? { put: item } : { put: item, condition }]);
  }

  async delete(pk: string, sk: string, condition?: Condition): Promise<boolean> {
    checkKey(pk, sk);
    const write = { delete: { pk, sk } };
    return this.#writeAll([condition === undefined ? write : { ...write, condition }]);
  }

  async transact(writes: readonly Write[]): Promise<boolean> {
    checkTransaction(writes);
    return this.#writeAll(writes);
  }

  /** Deletes up to `limit` items that expired by `nowSeconds`; the number deleted. They read as absent before. */
  purgeExpired(nowSeconds: number, limit: number): number {
    return Number(this.#purge.run({ now: nowSeconds, limit }).changes);
  }

  #writeAll(writes: readonly Write[]): boolean {
    const now = this.#nowSeconds();
    return transaction(this.#db, () => {
      if (!writes.every((write) => this.#holds(write, now))) return false;
      for (const write of writes) this.#apply(write);
      return true;
    });
  }

  #holds(write: Write, now: number): boolean {
    if (write.condition === undefined) return true;
    const { pk, sk } = 'put' in write ? write.put : write.delete;
    const row = this.#version.get({ pk, sk, now });
    if (write.condition === 'absent') return row === undefined;
    return row !== undefined && optionalInteger(row, 'version') === write.condition.version;
  }

  #apply(write: Write): void {
    if ('delete' in write) {
      this.#delete.run({ pk: write.delete.pk, sk: write.delete.sk });
      return;
    }
    const { pk, sk, body, version, expiresAtSeconds } = write.put;
    const packed = body instanceof Uint8Array;
    this.#put.run({
      pk,
      sk,
      json: packed ? null : JSON.stringify(body),
      bytes: packed ? body : null,
      version: version ?? null,
      expires: expiresAtSeconds ?? null,
    });
  }

  #nowSeconds(): number {
    return this.#clock() / 1000;
  }
}

/** Sort keys from `low` (inclusive) to `high` (exclusive). The next text after s, by bytes, is s followed by a NUL. */
function bounds({ from, to, after, reverse }: Range): { low: string; high: string | Uint8Array } {
  let low = from ?? '';
  let high = to === undefined ? aboveAllText : `${to}\0`;
  if (after !== undefined && reverse !== true) low = before(low, `${after}\0`) ? `${after}\0` : low;
  if (after !== undefined && reverse === true) high = typeof high !== 'string' || before(after, high) ? after : high;
  return { low, high };
}

function before(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
}

function itemOf(row: Row): Item {
  const version = optionalInteger(row, 'version');
  const expiresAtSeconds = optionalInteger(row, 'expires_at_seconds');
  return {
    pk: text(row, 'pk'),
    sk: text(row, 'sk'),
    body: bodyOf(row),
    ...(version === undefined ? {} : { version }),
    ...(expiresAtSeconds === undefined ? {} : { expiresAtSeconds }),
  };
}

function bodyOf(row: Row): Json | Uint8Array {
  const json = optionalText(row, 'json');
  if (json !== undefined) {
    const body: Json = JSON.parse(json);
    return body;
  }
  const bytes = row['bytes'];
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`item ${text(row, 'pk')} / ${text(row, 'sk')} has no body`);
  return bytes;
}
