import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SQSClient } from '@aws-sdk/client-sqs';
import { type ServerType, serve as serveApi } from '@hono/node-server';
import { addEnrolment } from '../functions/api/enrol-routes.ts';
import { api } from '../functions/api/handler.ts';
import { type Deps, type Log, nudge } from '../functions/deps.ts';
import { dispatch } from '../functions/dispatch/handler.ts';
import { ingest } from '../functions/ingest/handler.ts';
import { record } from '../functions/record/handler.ts';
import { schedule } from '../functions/schedule/handler.ts';
import { lockState } from '../shared/config/state-lock.ts';
import { loadRules } from '../shared/decide/rules.ts';
import { openFixed } from '../shared/store/fixed.ts';
import { storesOver } from '../shared/store/stores.ts';
import { byToken } from './api-token.ts';
import type { HubConfig } from './config.ts';
import { openHubDatabase } from './database.ts';
import { startEndpoint } from './endpoint/server.ts';
import { hubEnrolment, hubRegion } from './enrolment.ts';
import { eventSource } from './event-source.ts';
import { SqliteItemTable } from './items.ts';
import { AccessKeys, everyGrant } from './keys.ts';
import { createHubQueues, queueNames } from './queue-names.ts';
import { QueueStore } from './queues.ts';
import { hubDirectory, openSecrets } from './state.ts';

export interface Hub {
  readonly sqsUrl: string;
  readonly apiUrl: string;
  readonly apiToken: string;
  close(): Promise<void>;
}

interface HubOptions {
  readonly config: HubConfig;
  readonly stateDirectory: string;
  readonly log: Log;
}

type Handler = Parameters<typeof eventSource>[0]['handler'];

/** The whole central side in one process over one file: the very functions that run as Lambdas on AWS. */
export async function startHub(options: HubOptions): Promise<Hub> {
  // What was started is ended in reverse order, also where a later step fails.
  await using started = new AsyncDisposableStack();
  const hub = await assemble(options, started);
  const ending = started.move();
  return { ...hub, close: () => ending.disposeAsync() };
}

async function assemble(
  { config, stateDirectory, log }: HubOptions,
  started: AsyncDisposableStack,
): Promise<Omit<Hub, 'close'>> {
  const directory = hubDirectory(stateDirectory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = lockState(directory, 'hub');
  started.defer(() => lock.release());
  const secrets = openSecrets(stateDirectory);
  const rules = loadRules(config.rules);
  const db = openHubDatabase(join(directory, 'holdfast.sqlite'));
  started.defer(() => db.close());
  const table = new SqliteItemTable(db);
  const queues = new QueueStore(db);
  createHubQueues(queues);
  const accessKeys = new AccessKeys(db);
  const tls = config.tls && {
    cert: readFileSync(config.tls.certificate, 'utf8'),
    key: readFileSync(config.tls.key, 'utf8'),
  };
  const onError = (error: unknown): void => log.error({ error: String(error) }, 'the hub failed');
  const serve = async (host: string, port: number, over: typeof tls): Promise<string> => {
    const certified = over === undefined ? {} : { tls: over };
    const endpoint = await startEndpoint({ queues, keys: accessKeys, onError, host, port, ...certified });
    started.defer(() => endpoint.close());
    return endpoint.url;
  };
  const sqsUrl = await serve(config.listen, config.sqsPort, tls);
  // A certificate for relays names no loopback address: the functions get an endpoint of their own.
  const innerUrl = tls === undefined ? sqsUrl : await serve('127.0.0.1', 0, undefined);
  const fixed = await openFixed(table, { realmAliases: config.realmAliases, realm: config.realm });

  // The functions' own key lives as long as this process.
  for (const old of accessKeys.keysOf('hub')) accessKeys.revokeAccessKey(old);
  const sqs = new SQSClient({
    endpoint: innerUrl,
    region: hubRegion,
    credentials: accessKeys.createAccessKey('hub', everyGrant),
  });
  started.defer(() => sqs.destroy());
  const urlOf = (name: string): string => `${innerUrl}/000000000000/${name}`;
  const closing = new AbortController();
  const deps: Deps = {
    ...fixed,
    ...storesOver(table),
    sqs,
    queues: { dispatch: urlOf(queueNames.dispatch), dead: urlOf(queueNames.dead) },
    signer: secrets.signer,
    rules,
    log,
    // Counts are in the log already, for whoever reads one machine's.
    count: () => {},
    announce: async (event) => log.warn(event, `finding ${event.finding} ${event.what}`),
    maxContainmentsPerHour: config.maxContainmentsPerHour,
    namesSenders: true,
    nowMs: Date.now,
    newId: () => randomBytes(4).toString('hex'),
    sleep: (ms) => sleep(ms, undefined, { signal: closing.signal }),
  };

  const hostName = config.hostName;
  const publicUrl = hostName === undefined ? sqsUrl : sqsUrl.replace(/\/\/.*:/, `//${hostName}:`);
  const enrolment = hubEnrolment(queues, accessKeys, publicUrl, secrets.publicKeys);
  const app = addEnrolment(api(deps, byToken(secrets.apiToken)), deps, enrolment);
  const server = await listen(app.fetch, config, tls);
  started.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));

  // What a killed hub was working on need not wait for a visibility or a lease to end, nor for the next sweep.
  for (const name of [queueNames.events, queueNames.reports, queueNames.dispatch]) queues.returnInFlight(name);
  await deps.outbox.releaseClaims();
  await nudge(deps);
  const consume = (name: string, handler: Handler, concurrency: number): void => {
    const queueUrl = urlOf(name);
    const source = eventSource({ client: sqs, queueUrl, handler, batchSize: 10, concurrency, onError });
    started.defer(() => source.close());
  };
  const scheduled = everyMinute(schedule(deps), table, closing.signal, onError);
  started.defer(() => scheduled);
  consume(queueNames.events, ingest(deps), 2);
  consume(queueNames.reports, record(deps), 1);
  consume(queueNames.dispatch, dispatch(deps), 1);
  started.defer(() => closing.abort());

  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.apiPort;
  const host = config.listen.includes(':') ? `[${config.listen}]` : config.listen;
  const apiUrl = `${tls === undefined ? 'http' : 'https'}://${host}:${port}`;
  return { sqsUrl, apiUrl, apiToken: secrets.apiToken };
}

function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  { listen: hostname, apiPort: port }: HubConfig,
  tls: { readonly cert: string; readonly key: string } | undefined,
): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const secure = tls === undefined ? {} : { createServer: createHttpsServer, serverOptions: tls };
    const server = serveApi({ fetch, hostname, port, ...secure }, () => resolve(server));
    server.once('error', reject);
  });
}

/** As EventBridge would: a minute after the start of the last run, never two at a time. */
async function everyMinute(
  run: () => Promise<void>,
  table: SqliteItemTable,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    const next = Date.now() + 60_000;
    try {
      await run();
      table.purgeExpired(Math.floor(Date.now() / 1000), 10_000);
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    await sleep(Math.max(0, next - Date.now()), undefined, { signal }).catch(() => undefined);
  }
}
