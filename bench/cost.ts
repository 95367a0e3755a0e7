/**
 * What a normal day and a storm cost on AWS: `node bench/cost.ts` (`npm run bench:cost`).
 *
 * A few relays' minutes go through the real functions over the real table adapter and the SQS client; what each kind of
 * work used is counted by the services' own answers and multiplied to the scale of docs/store.md. DynamoDB Local is
 * fetched and started, or is at HOLDFAST_TEST_DYNAMODB_ENDPOINT; SQS is the hub's own endpoint. Prices: bench/aws/prices.ts.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dollars, type Line, normalDay, storm } from './aws/cost-scale.ts';
import { makeTable } from './aws/ground.ts';
import { openDynamodb } from './aws/servers.ts';
import { simulate } from './aws/simulated-day.ts';

const { url: endpoint, stop } = await openDynamodb();
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
const dynamodb = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials });
const folder = await mkdtemp(join(tmpdir(), 'holdfast-cost-'));
try {
  const sample = await simulate({ dynamodb, tableName: await makeTable(dynamodb), folder, relays: 10, minutes: 12 });
  print('A normal day: 1,000 relays, 50 M authenticated mails', normalDay(sample));
  print('A storm beside it: 1 M mails of one account over 200 relays in a night', storm(sample));
  console.log(
    '\nhottest partitions while one relay takes 300 mails a second (a partition bears 1,000 write units a second)',
  );
  for (const [key, units] of sample.hottest) console.log(`  ${key.padEnd(40)} ${units.toFixed(1)} units a second`);
} finally {
  dynamodb.destroy();
  await stop();
  await rm(folder, { recursive: true });
}

function print(title: string, { lines, mails, rawGb }: { lines: readonly Line[]; mails: number; rawGb: number }): void {
  console.log(`\n${title}`);
  for (const { what, amount, cost } of lines)
    console.log(`  ${what.padEnd(44)} ${amount.padStart(22)} ${dollars(cost)}`);
  const sum = lines.reduce((total, { cost }) => total + cost, 0);
  const logs = rawGb * 0.5;
  console.log(`  ${'sum'.padEnd(67)} ${dollars(sum)}`);
  console.log(
    `  per million mails ${dollars((sum / mails) * 1e6)}; CloudWatch Logs for the same ${rawGb.toFixed(1)} GB raw ${dollars(logs)}`,
  );
}
