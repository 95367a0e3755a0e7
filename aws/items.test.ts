import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  TransactionCanceledException,
  TransactionConflictException,
} from '@aws-sdk/client-dynamodb';
import { expect, test, vi } from 'vitest';
import { DynamoItemTable, type Spent } from './items.ts';

/** What no local server answers at will. */
const metadata = { $metadata: {}, message: '' };
const conflict = new TransactionConflictException(metadata);
const refused = new ConditionalCheckFailedException(metadata);
const cancelled = (...codes: string[]) =>
  new TransactionCanceledException({ ...metadata, CancellationReasons: codes.map((Code) => ({ Code })) });

/** A table whose calls meet these errors, one after the other, and then `answer`. */
function tableThatMeets(errors: readonly Error[], answer: object = {}) {
  const client = new DynamoDBClient({ region: 'us-east-1' });
  const left = [...errors];
  const send = vi.spyOn(client, 'send').mockImplementation(async () => {
    const error = left.shift();
    if (error !== undefined) throw error;
    return answer;
  });
  const spent: Spent[] = [];
  return { table: new DynamoItemTable(client, 'items', { onSpent: (each) => spent.push(each) }), send, spent };
}

const item = { pk: 'p', sk: 's', body: 1 };

test('a write that lost against a transaction is repeated', async () => {
  const { table, send } = tableThatMeets([conflict, conflict]);
  expect(await table.put(item, 'absent')).toBe(true);
  expect(send).toHaveBeenCalledTimes(3);
});

test('a transaction cancelled by another one, or throttled, is repeated', async () => {
  const { table, send } = tableThatMeets([
    cancelled('None', 'TransactionConflict'),
    cancelled('ThrottlingError', 'None'),
    cancelled('ProvisionedThroughputExceeded', 'None'),
  ]);
  expect(await table.transact([{ put: item }, { delete: { pk: 'p', sk: 't' } }])).toBe(true);
  expect(send).toHaveBeenCalledTimes(4);
});

test('a transaction of which one condition failed is false, whatever else it met', async () => {
  const { table } = tableThatMeets([cancelled('TransactionConflict', 'ConditionalCheckFailed')]);
  expect(await table.transact([{ put: item }, { delete: { pk: 'p', sk: 't' }, condition: 'absent' }])).toBe(false);
});

test('a transaction cancelled for another reason throws at once', async () => {
  const { table, send } = tableThatMeets([cancelled('None', 'ValidationError')]);
  await expect(table.transact([{ put: item }])).rejects.toThrow(TransactionCanceledException);
  expect(send).toHaveBeenCalledTimes(1);
});

test('conflicts that do not end throw', async () => {
  const { table } = tableThatMeets(Array.from({ length: 8 }, () => conflict));
  await expect(table.delete('p', 's')).rejects.toThrow(TransactionConflictException);
});

test('who listens hears what each call cost, a refused write included', async () => {
  const { table, spent } = tableThatMeets([refused], { ConsumedCapacity: { CapacityUnits: 2.5 } });
  expect(await table.put(item, 'absent')).toBe(false);
  await table.query('p', { limit: 1 });
  expect(spent).toEqual([
    { action: 'PutItem', units: 1 },
    { action: 'Query', units: 2.5 },
  ]);
});
