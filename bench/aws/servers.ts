import { fetchParts } from '../../lab/aws/parts.ts';
import { type Start, startDynamodbLocal, startElasticMq } from '../../lab/aws/servers.ts';
import { standFolder } from '../../lab/aws/stand.ts';

export interface BenchServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** DynamoDB Local, fetched and started; or what is at HOLDFAST_TEST_DYNAMODB_ENDPOINT. */
export function openDynamodb(): Promise<BenchServer> {
  return open('HOLDFAST_TEST_DYNAMODB_ENDPOINT', startDynamodbLocal);
}

/** ElasticMQ, fetched and started; or what is at HOLDFAST_TEST_SQS_ENDPOINT. */
export function openSqs(): Promise<BenchServer> {
  return open('HOLDFAST_TEST_SQS_ENDPOINT', startElasticMq);
}

async function open(variable: string, start: (from: Start) => Promise<BenchServer>): Promise<BenchServer> {
  const own = process.env[variable];
  if (own !== undefined) return { url: own, stop: async () => {} };
  const signal = new AbortController().signal;
  return start({ parts: await fetchParts(signal), folder: standFolder(), signal });
}
