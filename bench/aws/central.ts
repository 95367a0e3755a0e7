import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { IAMClient } from '@aws-sdk/client-iam';
import { KMSClient } from '@aws-sdk/client-kms';
import { SQSClient } from '@aws-sdk/client-sqs';
import { serve } from '@hono/node-server';
import { announceTo } from '../../aws/announce.ts';
import { awsDeps } from '../../aws/deps.ts';
import { awsEnrolment } from '../../aws/enrolment.ts';
import { RelayIdentities } from '../../aws/identities.ts';
import { DynamoItemTable } from '../../aws/items.ts';
import { openKmsKey } from '../../aws/kms-signer.ts';
import { type Settings, tellsPrincipals } from '../../aws/settings.ts';
import { ApiClient } from '../../cli/api/client.ts';
import { addEnrolment } from '../../functions/api/enrol-routes.ts';
import { api } from '../../functions/api/handler.ts';
import type { Deps, Log } from '../../functions/deps.ts';
import { dispatch } from '../../functions/dispatch/handler.ts';
import { ingest } from '../../functions/ingest/handler.ts';
import { record } from '../../functions/record/handler.ts';
import { schedule } from '../../functions/schedule/handler.ts';
import { byToken } from '../../hub/api-token.ts';
import { eventSource } from '../../hub/event-source.ts';

export interface LocalLambdas {
  readonly deps: Deps;
  readonly api: ApiClient;
  close(): Promise<void>;
}

type Handler = Parameters<typeof eventSource>[0]['handler'];

/**
 * A deployed stack's functions, run here: the handlers of the Lambdas over the stack's own queues, table and key, through
 * an event-source loop with Lambda's batch semantics. LocalStack's free edition without Docker has all of it but Lambda.
 * @param alter wraps what the functions get: faults, counters
 */
export async function startLocalLambdas(
  settings: Settings,
  log: Log,
  alter: (deps: Deps) => Deps = (deps) => deps,
): Promise<LocalLambdas> {
  const endpoint = settings.AWS_ENDPOINT_URL;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const place = { region: settings.AWS_REGION, credentials, ...(endpoint !== undefined && { endpoint }) };
  const sqs = new SQSClient(place);
  const dynamodb = new DynamoDBClient(place);
  const kms = new KMSClient(place);
  const iam = new IAMClient(place);
  const events = new EventBridgeClient(place);
  const key = await openKmsKey(kms, settings.HOLDFAST_SIGNING_KEY);
  const closing = new AbortController();
  const given = {
    table: new DynamoItemTable(dynamodb, settings.HOLDFAST_TABLE),
    sqs,
    signer: key.signer,
    log,
    count: () => {},
    announce: announceTo(events, settings),
    namesSenders: tellsPrincipals(settings),
  };
  const built = await awsDeps(settings, given);
  const deps = alter({ ...built, sleep: (ms) => sleep(ms, undefined, { signal: closing.signal }) });

  const onError = (error: unknown): void => log.error({ error: String(error) }, 'a function failed');
  const source = (queueUrl: string, handler: Handler, concurrency: number) =>
    eventSource({ client: sqs, queueUrl, handler, batchSize: 10, concurrency, onError });
  const sources = [
    source(settings.HOLDFAST_EVENTS_QUEUE, ingest(deps), 2),
    source(settings.HOLDFAST_REPORTS_QUEUE, record(deps), 1),
    source(settings.HOLDFAST_DISPATCH_QUEUE, dispatch(deps), 1),
  ];
  const scheduled = eachMinute(schedule(deps), closing.signal, onError);

  const identities = new RelayIdentities(iam, settings.HOLDFAST_ENVIRONMENT, settings.HOLDFAST_RELAY_BOUNDARY);
  const hubKeys = async () => key.publicKeys;
  const enrolment = awsEnrolment({ settings, sqs, identities, namesSenders: deps.namesSenders, hubKeys });
  const token = randomBytes(24).toString('base64url');
  const { fetch } = addEnrolment(api(deps, byToken(token)), deps, enrolment);
  const { server, port } = await listen(fetch);

  return {
    deps,
    api: ApiClient.withToken(`http://127.0.0.1:${port}`, token, 'security-team'),
    close: async () => {
      closing.abort();
      await Promise.all([...sources.map((each) => each.close()), scheduled]);
      await new Promise<void>((resolve) => server.close(() => resolve()));
      for (const client of [sqs, dynamodb, kms, iam, events]) client.destroy();
    },
  };
}

/** The settings of a stack that is deployed at `endpoint`, from the outputs that `cdk deploy --outputs-file` wrote. */
export function settingsFromOutputs(
  environment: string,
  outputs: Readonly<Record<string, string>>,
  place: { readonly endpoint: string; readonly region: string; readonly realm: string },
): Settings {
  const output = (name: string): string => {
    const value = outputs[name];
    if (value === undefined) throw new Error(`the deployed stack has no output ${name}`);
    return value;
  };
  return {
    HOLDFAST_ENVIRONMENT: environment,
    HOLDFAST_TABLE: output('ItemsTableName'),
    HOLDFAST_EVENTS_QUEUE: output('EventsQueueUrl'),
    HOLDFAST_REPORTS_QUEUE: output('ReportsQueueUrl'),
    HOLDFAST_DISPATCH_QUEUE: output('DispatchQueueUrl'),
    HOLDFAST_DEAD_QUEUE: output('DeadQueueUrl'),
    HOLDFAST_SIGNING_KEY: output('SigningKeyArn'),
    HOLDFAST_EVENT_BUS: 'default',
    HOLDFAST_RELAY_BOUNDARY: output('RelayBoundaryArn'),
    HOLDFAST_REALM: place.realm,
    HOLDFAST_REALM_ALIASES: {},
    HOLDFAST_MAX_CONTAINMENTS_PER_HOUR: 50,
    HOLDFAST_RULES: join(import.meta.dirname, '../../rules'),
    AWS_REGION: place.region,
    AWS_ENDPOINT_URL: place.endpoint,
  };
}

function listen(fetch: Parameters<typeof serve>[0]['fetch']) {
  return new Promise<{ server: ReturnType<typeof serve>; port: number }>((resolve, reject) => {
    const server = serve({ fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => resolve({ server, port }));
    server.once('error', reject);
  });
}

/** As EventBridge does it. */
async function eachMinute(
  run: () => Promise<void>,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    const next = Date.now() + 60_000;
    await run().catch((error: unknown) => {
      if (!signal.aborted) onError(error);
    });
    await sleep(Math.max(0, next - Date.now()), undefined, { signal }).catch(() => undefined);
  }
}
