import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { expect, it } from 'vitest';
import { faultRun } from '../bench/aws/fault-run.ts';
import { makeTable } from '../bench/aws/ground.ts';
import { describeOnAws } from '../lab/aws/describe.ts';
import { place } from '../lab/aws/servers.ts';
import { silent } from './hub-fixture.ts';

await describeOnAws('faults between queues, functions and table', 'stack', ({ endpoint }) => {
  it('I2, I8: duplicates, disorder, throttling, killed functions, a table that is away, malformed messages: nothing is lost, nothing counted twice, orders keep their order', async () => {
    const sqs = new SQSClient({ ...place, endpoint });
    const [dynamodb, disturbed] = [0, 1].map(() => new DynamoDBClient({ ...place, endpoint }));
    if (dynamodb === undefined || disturbed === undefined) throw new Error('no clients');
    const report = await faultRun({
      sqs,
      dynamodb,
      disturbed,
      tableName: await makeTable(dynamodb),
      relays: 3,
      mailsPerRelay: 150,
      visibilitySeconds: 2,
      maxReceiveCount: 20,
      storeAwaySeconds: 5,
      seed: 5,
      log: silent,
    });
    for (const client of [sqs, dynamodb, disturbed]) client.destroy();
    expect(report).toMatchObject({ missing: 0, extra: 0, othersSetAside: [], disorder: 0, mails: 450 });
    expect(report.poisonSetAside).toBe(report.poison);
    expect([report.findings, report.contained]).toEqual([['thief@example.org'], ['thief@example.org']]);
    // The plan was carried out, and every relay got its orders.
    for (const count of Object.values(report.faults)) expect(count).toBeGreaterThan(0);
    expect(report.orders).toBeGreaterThanOrEqual(6);
  }, 180_000);
});
