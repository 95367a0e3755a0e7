import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { checkItem, checkKey, checkTransaction } from '../shared/store/item-limits.ts';
import type { Condition, Item, ItemTable, Json, Page, Range, Write } from '../shared/store/item-table.ts';

type Attributes = Record<string, AttributeValue>;

/** Two transactions over the same item at the same moment: the service refuses one of them, and once more is enough. */
const transactionAttempts = 8;

/**
 * The item table in DynamoDB. Attributes are the item's members; a JSON body is kept as its text (`json`), which is
 * smaller than a map of attributes and reads back exactly, a packed one as `bytes`. Reads are strongly consistent.
 * Throttled and failed calls are repeated by the SDK (`maxAttempts`, exponential back-off); a conditional write that is
 * repeated after its answer was lost can fail on what it wrote itself, which callers see as "somebody was quicker".
 */
export class DynamoItemTable implements ItemTable {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #clock: () => number;

  /** @param clock ms since the epoch */
  constructor(client: DynamoDBClient, tableName: string, clock: () => number = Date.now) {
    this.#client = client;
    this.#table = tableName;
    this.#clock = clock;
  }

  async get(pk: string, sk: string): Promise<Item | undefined> {
    checkKey(pk, sk);
    const command = new GetItemCommand({ TableName: this.#table, Key: key(pk, sk), ConsistentRead: true });
    const { Item: found } = await this.#client.send(command);
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
      TableName: this.#table,
      KeyConditionExpression: conditions.join(' AND '),
      ExpressionAttributeValues: values,
      ConsistentRead: true,
      ScanIndexForward: !reverse,
      Limit: limit,
      ...(start !== undefined && { ExclusiveStartKey: key(pk, start) }),
    };
    const { Items = [], LastEvaluatedKey } = await this.#client.send(new QueryCommand(input));
    const items = Items.filter((each) => !this.#isExpired(each)).map(itemOf);
    const next = LastEvaluatedKey?.['sk']?.S;
    return next === undefined ? { items } : { items, next };
  }

  async put(item: Item, condition?: Condition): Promise<boolean> {
    checkItem(item);
    const command = new PutItemCommand({ TableName: this.#table, Item: attributesOf(item), ...this.#holds(condition) });
    return heldOf(this.#client.send(command));
  }

  async delete(pk: string, sk: string, condition?: Condition): Promise<boolean> {
    checkKey(pk, sk);
    const command = new DeleteItemCommand({ TableName: this.#table, Key: key(pk, sk), ...this.#holds(condition) });
    return heldOf(this.#client.send(command));
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
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#client.send(new TransactWriteItemsCommand({ TransactItems }));
        return true;
      } catch (error) {
        if (!(error instanceof TransactionCanceledException)) throw error;
        const codes = (error.CancellationReasons ?? []).map(({ Code }) => Code);
        if (codes.includes('ConditionalCheckFailed')) return false;
        // The SDK repeats what was throttled as a whole, and not a transaction that met another one.
        if (!codes.includes('TransactionConflict') || attempt === transactionAttempts) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 2 ** attempt * 5 * (0.5 + Math.random())));
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
}

async function heldOf(sending: Promise<unknown>): Promise<boolean> {
  try {
    await sending;
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
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
