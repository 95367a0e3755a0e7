import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type ConsumedCapacity,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  type ReturnConsumedCapacity,
  TransactionCanceledException,
  TransactionConflictException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { checkItem, checkKey, checkTransaction } from '../shared/store/item-limits.ts';
import type { Condition, Item, ItemTable, Json, Page, Range, Write } from '../shared/store/item-table.ts';

type Attributes = Record<string, AttributeValue>;

/** What one call cost. DynamoDB is asked for it only where somebody listens. */
export interface Spent {
  readonly action: 'GetItem' | 'Query' | 'PutItem' | 'DeleteItem' | 'TransactWriteItems';
  /**
   * Read units (4 KB, strongly consistent) of the first two; write units (1 KB, twice as many in a transaction) of the
   * others. A write that its condition refused is charged by the item that is there, yet the answer does not say how
   * much: counted as the least it can be.
   */
  readonly units: number;
}

/** A call that lost against a transaction, and then is repeated at random within 10 ms, 20 ms, 40 ms, … */
const maxAttempts = 8;
const firstPauseMs = 10;

/** Why a transaction was cancelled though no condition failed: the next time it may succeed. */
const passing = new Set(['None', 'TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

/**
 * The item table in DynamoDB. Attributes are the item's members; a JSON body is kept as its text (`json`), which is
 * smaller than a map of attributes and reads back exactly, a packed one as `bytes`. Reads are strongly consistent.
 *
 * The SDK repeats what was throttled (ProvisionedThroughputExceeded, ThrottlingException), what is still under way
 * (TransactionInProgress), server faults and broken connections: three attempts, those of a transaction under one token,
 * so that it happens once. Repeated here, because the SDK does not: a call that lost against a transaction on its item
 * (TransactionConflict), and a transaction cancelled for throttling alone. Whatever is left throws, and the caller's
 * message comes again.
 *
 * A conditional put or delete that is repeated after its answer was lost can fail on what it did itself, which callers
 * see as "somebody was quicker".
 */
export class DynamoItemTable implements ItemTable {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #clock: () => number;
  readonly #onSpent: ((spent: Spent) => void) | undefined;

  /** @param options.clock ms since the epoch */
  constructor(
    client: DynamoDBClient,
    tableName: string,
    options: { readonly clock?: () => number; readonly onSpent?: (spent: Spent) => void } = {},
  ) {
    this.#client = client;
    this.#table = tableName;
    this.#clock = options.clock ?? Date.now;
    this.#onSpent = options.onSpent;
  }

  async get(pk: string, sk: string): Promise<Item | undefined> {
    checkKey(pk, sk);
    const command = new GetItemCommand({ ...this.#asked(), Key: key(pk, sk), ConsistentRead: true });
    const { Item: found, ConsumedCapacity } = await this.#client.send(command);
    this.#spend('GetItem', ConsumedCapacity);
    return found === undefined || this.#isExpired(found) ? undefined : itemOf(found);
  }

  async query(pk: string, range: Range): Promise<Page> {
    if (!Number.isInteger(range.limit) || range.limit < 1) {
      throw new RangeError(`a query's limit must be a positive whole number, not ${range.limit}`);
    }
    const { from = '', to, after, limit, reverse = false } = range;
    if (to !== undefined && compare(from, to) > 0) return { items: [] };
    const conditions = ['pk = :pk'];
    const values: Attributes = { ':pk': { S: pk } };
    // A key condition may name the sort key once, and takes no empty text.
    if (from !== '' && to !== undefined && to !== '') {
      conditions.push('sk BETWEEN :from AND :to');
      values[':from'] = { S: from };
      values[':to'] = { S: to };
    } else if (from !== '') {
      conditions.push('sk >= :from');
      values[':from'] = { S: from };
    } else if (to !== undefined && to !== '') {
      conditions.push('sk <= :to');
      values[':to'] = { S: to };
    } else if (to === '') return { items: [] };
    const start = startOf(after, from, to, reverse);
    if (start === 'nothing') return { items: [] };
    const input: QueryCommandInput = {
      ...this.#asked(),
      KeyConditionExpression: conditions.join(' AND '),
      ExpressionAttributeValues: values,
      ConsistentRead: true,
      ScanIndexForward: !reverse,
      Limit: limit,
      ...(start !== undefined && { ExclusiveStartKey: key(pk, start) }),
    };
    const { Items = [], LastEvaluatedKey, ConsumedCapacity } = await this.#client.send(new QueryCommand(input));
    this.#spend('Query', ConsumedCapacity);
    const items = Items.filter((each) => !this.#isExpired(each)).map(itemOf);
    const next = LastEvaluatedKey?.['sk']?.S;
    return next === undefined ? { items } : { items, next };
  }

  async put(item: Item, condition?: Condition): Promise<boolean> {
    checkItem(item);
    const input = { ...this.#asked(), Item: attributesOf(item), ...this.#holds(condition) };
    return this.#write('PutItem', 1, async () => {
      return (await this.#client.send(new PutItemCommand(input))).ConsumedCapacity;
    });
  }

  async delete(pk: string, sk: string, condition?: Condition): Promise<boolean> {
    checkKey(pk, sk);
    const input = { ...this.#asked(), Key: key(pk, sk), ...this.#holds(condition) };
    return this.#write('DeleteItem', 1, async () => {
      return (await this.#client.send(new DeleteItemCommand(input))).ConsumedCapacity;
    });
  }

  async transact(writes: readonly Write[]): Promise<boolean> {
    checkTransaction(writes);
    const TransactItems = writes.map((write): TransactWriteItem => {
      const given = { TableName: this.#table, ...this.#holds(write.condition) };
      return 'put' in write
        ? { Put: { ...given, Item: attributesOf(write.put) } }
        : { Delete: { ...given, Key: key(write.delete.pk, write.delete.sk) } };
    });
    if (TransactItems.length === 0) return true;
    const { ReturnConsumedCapacity } = this.#asked();
    return this.#write('TransactWriteItems', 2 * writes.length, async () => {
      // A new command each time, hence a new token: under the old one DynamoDB would repeat its old answer.
      const command = new TransactWriteItemsCommand({ TransactItems, ReturnConsumedCapacity });
      return (await this.#client.send(command)).ConsumedCapacity?.[0];
    });
  }

  /** True if it was written, false if a condition failed. */
  async #write(
    action: Spent['action'],
    leastUnits: number,
    send: () => Promise<ConsumedCapacity | undefined>,
  ): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#spend(action, await send());
        return true;
      } catch (error) {
        const codes = refusals(error);
        if (codes.includes('ConditionalCheckFailed')) {
          this.#spend(action, { CapacityUnits: leastUnits });
          return false;
        }
        if (codes.length === 0 || !codes.every((code) => passing.has(code)) || attempt === maxAttempts) throw error;
        await sleep(2 ** (attempt - 1) * firstPauseMs * Math.random());
      }
    }
  }

  /** An item past its end is gone, though DynamoDB deletes it within days only. */
  #isExpired({ expiresAtSeconds }: Attributes): boolean {
    return expiresAtSeconds?.N !== undefined && Number(expiresAtSeconds.N) <= this.#nowSeconds();
  }

  #holds(condition: Condition | undefined) {
    if (condition === undefined) return {};
    const now = { ':now': { N: String(this.#nowSeconds()) } };
    if (condition === 'absent') {
      return {
        ConditionExpression: 'attribute_not_exists(pk) OR expiresAtSeconds <= :now',
        ExpressionAttributeValues: now,
      };
    }
    return {
      ConditionExpression: 'version = :version AND (attribute_not_exists(expiresAtSeconds) OR expiresAtSeconds > :now)',
      ExpressionAttributeValues: { ...now, ':version': { N: String(condition.version) } },
    };
  }

  #nowSeconds(): number {
    return this.#clock() / 1000;
  }

  #asked() {
    const ReturnConsumedCapacity: ReturnConsumedCapacity = this.#onSpent === undefined ? 'NONE' : 'TOTAL';
    return { TableName: this.#table, ReturnConsumedCapacity };
  }

  #spend(action: Spent['action'], capacity: ConsumedCapacity | undefined): void {
    this.#onSpent?.({ action, units: capacity?.CapacityUnits ?? 0 });
  }
}

/** Why DynamoDB did not write, for each write; empty where it may have written, or failed otherwise. */
function refusals(error: unknown): string[] {
  if (error instanceof ConditionalCheckFailedException) return ['ConditionalCheckFailed'];
  if (error instanceof TransactionConflictException) return ['TransactionConflict'];
  if (!(error instanceof TransactionCanceledException)) return [];
  return (error.CancellationReasons ?? []).map(({ Code }) => Code ?? 'None');
}

/** Where a page goes on. DynamoDB refuses a start key that lies outside the range: then the range decides. */
function startOf(after: string | undefined, from: string, to: string | undefined, reverse: boolean) {
  if (after === undefined) return undefined;
  const isBelow = compare(after, from) < 0;
  const isAbove = to !== undefined && compare(after, to) > 0;
  if (reverse ? isBelow : isAbove) return 'nothing';
  return isBelow || isAbove ? undefined : after;
}

/** By UTF-8 bytes, as DynamoDB orders sort keys. */
function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function key(pk: string, sk: string): Attributes {
  return { pk: { S: pk }, sk: { S: sk } };
}

function attributesOf({ pk, sk, body, version, expiresAtSeconds }: Item): Attributes {
  return {
    ...key(pk, sk),
    ...(body instanceof Uint8Array ? { bytes: { B: body } } : { json: { S: JSON.stringify(body) } }),
    ...(version !== undefined && { version: { N: String(version) } }),
    ...(expiresAtSeconds !== undefined && { expiresAtSeconds: { N: String(expiresAtSeconds) } }),
  };
}

function itemOf({ pk, sk, json, bytes, version, expiresAtSeconds }: Attributes): Item {
  const body: Json | Uint8Array | undefined = json?.S === undefined ? bytes?.B : JSON.parse(json.S);
  if (pk?.S === undefined || sk?.S === undefined || body === undefined) {
    throw new TypeError(`item ${pk?.S} / ${sk?.S} has no body`);
  }
  return {
    pk: pk.S,
    sk: sk.S,
    body,
    ...(version?.N !== undefined && { version: Number(version.N) }),
    ...(expiresAtSeconds?.N !== undefined && { expiresAtSeconds: Number(expiresAtSeconds.N) }),
  };
}
