import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { SQSClient } from '@aws-sdk/client-sqs';
import { openHubDatabase } from '../database.ts';
import { type AccessKey, AccessKeys, everyGrant } from '../keys.ts';
import type { QueueFixture } from '../queue.contract.ts';
import { QueueStore } from '../queues.ts';
import { type Endpoint, startEndpoint } from './server.ts';

/** A real endpoint over a real file, for tests. */
export interface EndpointRig {
  readonly path: string;
  readonly db: DatabaseSync;
  readonly queues: QueueStore;
  readonly keys: AccessKeys;
  readonly endpoint: Endpoint;
  /** May do everything. */
  readonly key: AccessKey;
  /** What the endpoint called its own fault. */
  readonly errors: unknown[];
  url(queue: string): string;
  /** With one attempt, so that a refusal shows as what it is; closed with the rig. */
  client(key: { accessKeyId: string; secretAccessKey: string }): SQSClient;
  close(): Promise<void>;
}

export async function startRig(options: { maxOpenRequests?: number; clock?: () => number } = {}): Promise<EndpointRig> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-endpoint-'));
  const path = join(folder, 'hub.sqlite');
  const db = openHubDatabase(path);
  const queues = new QueueStore(db);
  const keys = new AccessKeys(db);
  const errors: unknown[] = [];
  const clients: SQSClient[] = [];
  const onError = (error: unknown): unknown => errors.push(error);
  const endpoint = await startEndpoint({ queues, keys, host: '127.0.0.1', port: 0, onError, ...options });
  return {
    path,
    db,
    queues,
    keys,
    endpoint,
    key: keys.createAccessKey('hub', everyGrant),
    errors,
    url: (queue) => `${endpoint.url}/000000000000/${queue}`,
    client: ({ accessKeyId, secretAccessKey }) => {
      const credentials = { accessKeyId, secretAccessKey };
      const client = new SQSClient({ endpoint: endpoint.url, region: 'hub', credentials, maxAttempts: 1 });
      clients.push(client);
      return client;
    },
    close: async () => {
      for (const client of clients) client.destroy();
      await endpoint.close();
      db.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** The rig as the queue contract wants it. */
export async function hubQueueFixture(): Promise<QueueFixture> {
  const rig = await startRig();
  let made = 0;
  return {
    client: rig.client(rig.key),
    deduplicatesPerGroup: true,
    makeQueue: async ({ fifo, visibilitySeconds, deadLetter }) => {
      const name = `queue-${made++}${fifo === true ? '.fifo' : ''}`;
      rig.queues.createQueue(name, {
        ...(visibilitySeconds === undefined ? {} : { visibilitySeconds }),
        deadLetter: deadLetter && {
          queue: deadLetter.queueUrl.split('/').at(-1) ?? '',
          maxReceiveCount: deadLetter.maxReceiveCount,
        },
      });
      return rig.url(name);
    },
    close: () => rig.close(),
  };
}
