import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SQSClient } from '@aws-sdk/client-sqs';
import { type Enrolled, enrol } from '../functions/api/enrol.ts';
import type { Deps } from '../functions/deps.ts';
import { openHubDatabase } from '../hub/database.ts';
import { startEndpoint } from '../hub/endpoint/server.ts';
import { hubEnrolment } from '../hub/enrolment.ts';
import { SqliteItemTable } from '../hub/items.ts';
import { AccessKeys, everyGrant } from '../hub/keys.ts';
import { commandQueueName, createHubQueues, queueNames } from '../hub/queue-names.ts';
import { QueueStore } from '../hub/queues.ts';
import { loadRules } from '../shared/decide/rules.ts';
import { RelayStore } from '../shared/store/relays.ts';
import { storesOver } from '../shared/store/stores.ts';
import { pemSigner } from '../shared/wire/jws.ts';
import { silent } from './hub-fixture.ts';

export interface TestDeps {
  readonly deps: Deps;
  readonly queues: QueueStore;
  /** Moves the functions' clock; the queues and the table keep the machine's. */
  setNow(ms: number): void;
  enrol(relay: string, senderId?: string): Promise<void>;
  /** As the API does it: with what a real agent and exec need. */
  enrolAgent(relay: string): Promise<Enrolled>;
  close(): Promise<void>;
}

/** The functions' surroundings with real queues and a real table, and a clock that the test moves. */
export async function startDeps(): Promise<TestDeps> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-deps-'));
  const db = openHubDatabase(join(folder, 'holdfast.sqlite'));
  const table = new SqliteItemTable(db);
  const queues = new QueueStore(db);
  createHubQueues(queues);
  const accessKeys = new AccessKeys(db);
  const endpoint = await startEndpoint({ queues, keys: accessKeys, host: '127.0.0.1', port: 0, onError: () => {} });
  const sqs = new SQSClient({
    endpoint: endpoint.url,
    region: 'local',
    credentials: accessKeys.createAccessKey('hub', everyGrant),
  });
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const hubKeys = { test: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
  const urlOf = (name: string): string => `${endpoint.url}/000000000000/${name}`;
  let now = Date.now();
  const relays = new RelayStore(table);
  const deps: Deps = {
    ...storesOver(table),
    relays,
    sqs,
    queues: { dispatch: urlOf(queueNames.dispatch), dead: urlOf(queueNames.dead) },
    signer: pemSigner('test', pem.toString()),
    rules: loadRules(join(import.meta.dirname, '../rules')),
    accountRule: { realm: 'example.org', realmAliases: {} },
    hash: (text) => `h${text.length}`,
    log: silent,
    count: () => {},
    announce: async () => {},
    maxContainmentsPerHour: 50,
    namesSenders: true,
    nowMs: () => now,
    newId: () => randomBytes(4).toString('hex'),
    sleep: async () => {},
  };
  return {
    deps,
    queues,
    setNow: (ms) => {
      now = ms;
    },
    enrol: async (relay, senderId = `relay:${relay}`) => {
      const name = commandQueueName(relay);
      queues.createQueue(name);
      const registration = { senderId, commandQueueUrl: urlOf(name), enrolledAt: now, zone: 'UTC' };
      await relays.enrol({ relay, ...registration });
    },
    enrolAgent: (name) => enrol(deps, hubEnrolment(queues, accessKeys, endpoint.url, hubKeys), { name }, 'tester'),
    close: async () => {
      await endpoint.close();
      sqs.destroy();
      db.close();
      await rm(folder, { recursive: true });
    },
  };
}
