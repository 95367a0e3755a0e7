/**
 * Everything that can go wrong between SQS, Lambda and DynamoDB, with the table away for five minutes:
 *
 *     node bench/faults.ts [SECONDS AWAY]
 *
 * ElasticMQ and DynamoDB Local are fetched and started, or others are at HOLDFAST_TEST_SQS_ENDPOINT and
 * HOLDFAST_TEST_DYNAMODB_ENDPOINT. Prints what was done and what it left: `missing`,
 * `extra`, `othersSetAside` and `disorder` are to be 0. Figures: docs/benchmarks.md.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { faultRun } from './aws/fault-run.ts';
import { makeTable } from './aws/ground.ts';
import { openDynamodb, openSqs } from './aws/servers.ts';

const place = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
// One after the other: both would fetch the same.
const table = await openDynamodb();
const queues = await openSqs();
const dynamodbAt = { ...place, endpoint: table.url };
const sqs = new SQSClient({ ...place, endpoint: queues.url });
const [dynamodb, disturbed] = [new DynamoDBClient(dynamodbAt), new DynamoDBClient(dynamodbAt)];
const quiet = (): void => {};
const report = await faultRun({
  sqs,
  dynamodb,
  disturbed,
  tableName: await makeTable(dynamodb),
  relays: 20,
  mailsPerRelay: 500,
  // As deployed: cdk/stateful.ts.
  visibilitySeconds: 30,
  maxReceiveCount: 20,
  storeAwaySeconds: Number(process.argv[2] ?? 300),
  seed: 1,
  log: { info: quiet, warn: quiet, error: quiet },
});
console.log(report);
await Promise.all([table.stop(), queues.stop()]);
const clean = report.missing + report.extra + report.othersSetAside.length + report.disorder === 0;
process.exit(clean && report.poisonSetAside === report.poison ? 0 : 1);
