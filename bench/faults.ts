/**
 * Everything that can go wrong between SQS, Lambda and DynamoDB, with the table away for five minutes:
 *
 *     HOLDFAST_TEST_SQS_ENDPOINT=… HOLDFAST_TEST_DYNAMODB_ENDPOINT=… node bench/faults.ts [SECONDS AWAY]
 *
 * against any SQS and DynamoDB (ElasticMQ, LocalStack, DynamoDB Local). Prints what was done and what it left: `missing`,
 * `extra`, `othersSetAside` and `disorder` are to be 0. Figures: docs/benchmarks.md.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { faultRun } from './aws/fault-run.ts';
import { makeTable } from './aws/ground.ts';

const place = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
const dynamodbAt = { ...place, endpoint: process.env['HOLDFAST_TEST_DYNAMODB_ENDPOINT'] ?? 'http://127.0.0.1:8000' };
const sqs = new SQSClient({
  ...place,
  endpoint: process.env['HOLDFAST_TEST_SQS_ENDPOINT'] ?? 'http://127.0.0.1:9324',
});
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
const clean = report.missing + report.extra + report.othersSetAside.length + report.disorder === 0;
process.exit(clean && report.poisonSetAside === report.poison ? 0 : 1);
