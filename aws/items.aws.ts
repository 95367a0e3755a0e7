import { randomUUID } from 'node:crypto';
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, it } from 'vitest';
import { describeOnAws } from '../lab/aws/describe.ts';
import { place } from '../lab/aws/servers.ts';
import { itemTableContract } from '../shared/store/item-table.contract.ts';
import { DynamoItemTable, type Spent } from './items.ts';

await describeOnAws('DynamoDB', 'dynamodb', (endpoints) => {
  for (const { name, url } of endpoints) itemTableContract(name, () => makeTable(url));
});

await describeOnAws('the deployed table', 'stack', ({ endpoint, outputs }) => {
  it('is one that the adapter can use: keys, and the attribute that ends an item', async () => {
    const client = new DynamoDBClient({ ...place, endpoint });
    const table = new DynamoItemTable(client, outputs['ItemsTableName'] ?? '');
    const item = { pk: 'test', sk: randomUUID(), body: { a: [1] }, version: 1, expiresAtSeconds: 4_000_000_000 };
    expect(await table.put(item, 'absent')).toBe(true);
    expect(await table.get(item.pk, item.sk)).toEqual(item);
    expect(await table.delete(item.pk, item.sk, { version: 1 })).toBe(true);
    client.destroy();
  });
});

await describeOnAws('what a call costs', 'dynamodb', (endpoints) => {
  it.each(endpoints)(
    'on $name: a write unit a KB, a read unit four, in a transaction twice as many',
    async ({ url }) => {
      const spent: Spent[] = [];
      const { table, close } = await makeTable(url, (each) => spent.push(each));
      await table.put({ pk: 'p', sk: 'large', body: new Uint8Array(5000) });
      await table.put({ pk: 'p', sk: 'small', body: 1 }, 'absent');
      await table.put({ pk: 'p', sk: 'small', body: 1 }, 'absent');
      await table.get('p', 'large');
      await table.query('p', { limit: 10 });
      await table.transact([{ put: { pk: 'p', sk: 'a', body: 1 } }, { delete: { pk: 'p', sk: 'small' } }]);
      await close();
      expect(spent).toEqual([
        { action: 'PutItem', units: 5 },
        { action: 'PutItem', units: 1 },
        { action: 'PutItem', units: 1 },
        { action: 'GetItem', units: 2 },
        { action: 'Query', units: 2 },
        { action: 'TransactWriteItems', units: 4 },
      ]);
    },
  );
});

/** A table of the deployed one's shape (cdk/stateful.ts), empty; each test has its own. */
async function makeTable(endpoint: string, onSpent?: (spent: Spent) => void) {
  const client = new DynamoDBClient({ ...place, endpoint });
  const TableName = `contract-${randomUUID()}`;
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
    }),
  );
  const table = new DynamoItemTable(client, TableName, onSpent === undefined ? {} : { onSpent });
  const close = async (): Promise<void> => {
    await client.send(new DeleteTableCommand({ TableName }));
    client.destroy();
  };
  return { table, close };
}
