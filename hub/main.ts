import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SQSClient } from '@aws-sdk/client-sqs';
import { type ServerType, serve } from '@hono/node-server';
import { api } from '../functions/api/handler.ts';
import { type Deps, type Log, nudge } from '../functions/deps.ts';
import { dispatch } from '../functions/dispatch/handler.ts';
import { ingest } from '../functions/ingest/handler.ts';
import { record } from '../functions/record/handler.ts';
import { schedule } from '../functions/schedule/handler.ts';
import { loadRules } from '../shared/decide/rules.ts';
import { FindingStore } from '../shared/store/findings.ts';
import { Outbox } from '../shared/store/outbox.ts';
import { PartStore } from '../shared/store/parts.ts';
import { RelayStore } from '../shared/store/relays.ts';
import { SweepStore } from '../shared/store/sweep.ts';
import type { HubConfig } from './config.ts';
import { openHubDatabase } from './database.ts';
import { startEndpoint } from './endpoint/server.ts';
import { hubEnrolment, hubRegion } from './enrolment.ts';
import { eventSource } from './event-source.ts';
import { SqliteItemTable } from './items.ts';
import { AccessKeys, everyGrant } from './keys.ts';
import { createHubQueues, queueNames } from './queue-names.ts';
import { QueueStore } from './queues.ts';
import { hubDirectory, openFixed, openSecrets } from './state.ts';

export interface Hub {
  readonly sqsUrl: string;
  readonly apiUrl: string;
  readonly apiToken: string;
  close(): Promise<void>;
}

/** The whole central side in one process over one file: the very functions that run as Lambdas on AWS. */
export async function startHub(options: {
  readonly config: HubConfig;
  readonly stateDirectory: string;
  readonly log: Log;
}): Promise<Hub> {
  const { config, stateDirectory, log } = options;
  const secrets = openSecrets(stateDirectory);
  const rules = loadRules(config.rules);
  const directory = hubDirectory(stateDirectory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const db = openHubDatabase(join(directory, 'holdfast.sqlite'));
  const table = new SqliteItemTable(db);
  const fixed = await openFixed(table, config);

  const queues = new QueueStore(db);
  createHubQueues(queues);
  const accessKeys = new AccessKeys(db);
  const tls = config.tls && {
    cert: readFileSync(config.tls.certificate, 'utf8'),
    key: readFileSync(config.tls.key, 'utf8'),
  };
  const onError = (error: unknown): void => log.error({ error: String(error) }, 'the hub failed');
  const serving = { queues, keys: accessKeys, onError };
  const endpoint = await startEndpoint({
    ...serving,
    host: config.listen,
    port: config.sqsPort,
    ...(tls !== undefined && { tls }),
  });
  // A certificate for relays names no loopback address: the functions get an endpoint of their own.
  const inner = tls === undefined ? endpoint : await startEndpoint({ ...serving, host: '127.0.0.1', port: 0 });

  // The functions' own key lives as long as this process.
  for (const old of accessKeys.keysOf('hub')) accessKeys.revokeAccessKey(old);
  const sqs = new SQSClient({
    endpoint: inner.url,
    region: hubRegion,
    credentials: accessKeys.createAccessKey('hub', everyGrant),
  });
  const urlOf = (name: string): string => `${inner.url}/000000000000/${name}`;
  const closing = new AbortController();
  const deps: Deps = {
    ...fixed,
    parts: new PartStore(table),
    findings: new FindingStore(table),
    relays: new RelayStore(table),
    outbox: new Outbox(table),
    sweeps: new SweepStore(table),
    sqs,
    queues: { dispatch: urlOf(queueNames.dispatch), dead: urlOf(queueNames.dead) },
    signer: secrets.signer,
    rules,
    log,
    nowMs: Date.now,
    newId: () => randomBytes(4).toString('hex'),
    sleep: (ms) => sleep(ms, undefined, { signal: closing.signal }),
  };

  const source = (name: string, handler: Parameters<typeof eventSource>[0]['handler'], concurrency: number) =>
    eventSource({ client: sqs, queueUrl: urlOf(name), handler, batchSize: 10, concurrency, onError });
  // What a killed hub was working on need not wait for a visibility or a lease to end, nor for the next sweep.
  for (const name of [queueNames.events, queueNames.reports, queueNames.dispatch]) queues.returnInFlight(name);
  await deps.outbox.releaseClaims();
  await nudge(deps);
  const sources = [
    source(queueNames.events, ingest(deps), 2),
    source(queueNames.reports, record(deps), 1),
    source(queueNames.dispatch, dispatch(deps), 1),
  ];
  const scheduled = everyMinute(schedule(deps), table, closing.signal, onError);

  const publicEndpoint =
    config.hostName === undefined ? endpoint.url : endpoint.url.replace(/\/\/.*:/, `//${config.hostName}:`);
  const app = api(deps, hubEnrolment(queues, accessKeys, publicEndpoint, secrets.publicKeys), secrets.apiToken);
  const server = await listen(app.fetch, config, tls);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.apiPort;
  const host = config.listen.includes(':') ? `[${config.listen}]` : config.listen;
  return {
    sqsUrl: endpoint.url,
    apiUrl: `${tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    apiToken: secrets.apiToken,
    close: async () => {
      closing.abort();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await Promise.all(sources.map((each) => each.close()));
      await scheduled;
      await Promise.all([...new Set([endpoint, inner])].map((each) => each.close()));
      sqs.destroy();
      db.close();
    },
  };
}

function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  { listen: hostname, apiPort: port }: HubConfig,
  tls: { readonly cert: string; readonly key: string } | undefined,
): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const secure = tls === undefined ? {} : { createServer: createHttpsServer, serverOptions: tls };
    const server = serve({ fetch, hostname, port, ...secure }, () => resolve(server));
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
