import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deployStateful } from './deploy.ts';
import { fetchParts } from './parts.ts';
import type { Server } from './server.ts';
import { startDynamodbLocal, startElasticMq, startLocalstack } from './servers.ts';

/** AWS-compatible servers, and our stateful stack on one of them. */
export interface Stand {
  /** Held to the queue's contract. */
  readonly sqs: readonly Endpoint[];
  /** Held to the item table's contract. */
  readonly dynamodb: readonly Endpoint[];
  /** Absent where only endpoints of single services were given. */
  readonly stack?: DeployedStack;
  /** Of the servers that were started here. */
  readonly pids: readonly number[];
}

export interface Endpoint {
  readonly name: string;
  readonly url: string;
}

/** Queues, table, key, topics: as `cdk deploy` made them. */
export interface DeployedStack {
  /** Serves all of the stack's services. */
  readonly endpoint: string;
  /** `ItemsTableName`, `EventsQueueUrl` …: see cdk/stateful.ts. A queue's URL bears LocalStack's own host name. */
  readonly outputs: Readonly<Record<string, string>>;
}

export interface RunningStand {
  readonly stand: Stand;
  close(): Promise<void>;
}

/** Endpoints that somebody else runs. One is enough, and then nothing is fetched or started here. */
export interface OwnEndpoints {
  /** HOLDFAST_TEST_AWS_ENDPOINT: all services; the stack is deployed there */
  readonly aws: string | undefined;
  /** HOLDFAST_TEST_SQS_ENDPOINT */
  readonly sqs: string | undefined;
  /** HOLDFAST_TEST_DYNAMODB_ENDPOINT */
  readonly dynamodb: string | undefined;
}

export function ownEndpoints(env: Readonly<Record<string, string | undefined>>): OwnEndpoints | undefined {
  const aws = env['HOLDFAST_TEST_AWS_ENDPOINT'];
  const sqs = env['HOLDFAST_TEST_SQS_ENDPOINT'];
  const dynamodb = env['HOLDFAST_TEST_DYNAMODB_ENDPOINT'];
  return (aws ?? sqs ?? dynamodb) === undefined ? undefined : { aws, sqs, dynamodb };
}

/** For what belongs to one stand. Removed when this process exits, also by ctrl-C. */
export function standFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-aws-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * @param folder from {@link standFolder}
 * @throws FetchError; Error where a server does not start or the stack does not deploy
 */
export async function startStand(
  own: OwnEndpoints | undefined,
  folder: string,
  signal: AbortSignal,
): Promise<RunningStand> {
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  // One that fails takes the others along: whoever is still starting ends by this, and is waited for.
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const begin = async (start: Promise<Server>): Promise<string> => {
    const server = await start;
    servers.push(server);
    return server.url;
  };
  try {
    if (own !== undefined) return { stand: await standOf(own, folder, either), close };
    const start = { parts: await fetchParts(either), folder, signal: either };
    const all = [
      begin(startElasticMq(start)),
      begin(startDynamodbLocal(start)),
      begin(startLocalstack(start)),
    ] as const;
    for (const each of all) each.catch((error: unknown) => failed.abort(error));
    const stack = deployed(await all[2], folder, either);
    await Promise.allSettled([...all, stack]);
    const [elasticmq, dynamodbLocal, localstack] = await Promise.all(all);
    const stand = {
      sqs: [named('ElasticMQ', elasticmq), named('LocalStack', localstack)],
      dynamodb: [named('DynamoDB Local', dynamodbLocal), named('LocalStack', localstack)],
      stack: await stack,
      pids: servers.map((server) => server.pid),
    };
    return { stand, close };
  } catch (error) {
    failed.abort(error);
    await close();
    throw error;
  }
}

async function standOf(own: OwnEndpoints, folder: string, signal: AbortSignal): Promise<Stand> {
  const stack = own.aws === undefined ? undefined : await deployed(own.aws, folder, signal);
  const endpoints = (...urls: (string | undefined)[]) =>
    [...new Set(urls)].flatMap((url) => (url === undefined ? [] : [named(url, url)]));
  return {
    sqs: endpoints(own.sqs, own.aws),
    dynamodb: endpoints(own.dynamodb, own.aws),
    ...(stack !== undefined && { stack }),
    pids: [],
  };
}

async function deployed(endpoint: string, folder: string, signal: AbortSignal): Promise<DeployedStack> {
  return { endpoint, outputs: await deployStateful(endpoint, folder, signal) };
}

function named(name: string, url: string): Endpoint {
  return { name, url };
}
