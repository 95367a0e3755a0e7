import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import type { Deps } from '../../functions/deps.ts';
import { dispatch } from '../../functions/dispatch/handler.ts';
import { ingest } from '../../functions/ingest/handler.ts';
import { record } from '../../functions/record/handler.ts';
import { ChainMemory } from '../../functions/schedule/chain-memory.ts';
import { relayStatuses, silentRelays } from '../../functions/schedule/silent.ts';
import { stoppedLines } from '../../functions/schedule/stopped.ts';
import { sweeper } from '../../functions/schedule/sweep.ts';
import { openHubDatabase } from '../../hub/database.ts';
import { startEndpoint } from '../../hub/endpoint/server.ts';
import { AccessKeys, everyGrant } from '../../hub/keys.ts';
import { commandQueueName, createHubQueues, queueNames } from '../../hub/queue-names.ts';
import { QueueStore } from '../../hub/queues.ts';
import { loadRules } from '../../shared/decide/rules.ts';
import { storesOver } from '../../shared/store/stores.ts';
import { pemSigner } from '../../shared/wire/jws.ts';
import { Dice } from '../ids/dice.ts';
import { type Bill, Meter } from './meter.ts';
import { MeteredTable } from './metered-table.ts';
import { type Pack, RelayLog } from './traffic.ts';

export interface SampleOptions {
  readonly dynamodb: DynamoDBClient;
  readonly tableName: string;
  readonly folder: string;
  readonly relays: number;
  readonly minutes: number;
}

/** What a few relays' minutes used, by kind of work, and how much work it was. */
export interface Sample {
  readonly relays: number;
  readonly mails: number;
  readonly rawBytes: number;
  readonly packs: number;
  /** Batches of ten packs. */
  readonly batches: Counted;
  readonly sweeps: Counted;
  readonly heartbeats: Counted;
  readonly minutes: Counted;
  /** As batches and sweeps, with a contained thief's mail in every pack: two a pack, 35 a second over 200 relays. */
  readonly stormBatches: Counted;
  readonly stormSweeps: Counted;
  /** What a finding and its containment took, on all relays of the sample. */
  readonly containing: Counted;
  /** Partition keys and their write units a second, while one relay takes 300 mails a second and the others their share. */
  readonly hottest: readonly (readonly [string, number])[];
}

export interface Counted extends Bill {
  readonly count: number;
}

const secondsPerPack = 10;
const mailsPerPack = 6;
const thief = 'thief@example.org';

/** Plays normal minutes, a theft, and minutes of its contained storm, in the functions' own clock. */
export async function simulate(options: SampleOptions): Promise<Sample> {
  const { folder, dynamodb, tableName, minutes } = options;
  const table = new MeteredTable(dynamodb, tableName);
  const meter = new Meter(table);
  let now = Math.floor(Date.now() / 60_000) * 60_000;
  const db = openHubDatabase(join(folder, 'queues.sqlite'));
  const queues = new QueueStore(db);
  createHubQueues(queues);
  const keys = new AccessKeys(db);
  const endpoint = await startEndpoint({ queues, keys, host: '127.0.0.1', port: 0, onError: () => {} });
  const sqs = new SQSClient({
    endpoint: endpoint.url,
    region: 'local',
    credentials: keys.createAccessKey('hub', everyGrant),
  });
  meter.attach(sqs);
  const urlOf = (name: string): string => `${endpoint.url}/000000000000/${name}`;
  const deps: Deps = {
    ...storesOver(table),
    sqs,
    queues: { dispatch: urlOf(queueNames.dispatch), dead: urlOf(queueNames.dead) },
    signer: signer(),
    rules: loadRules(join(import.meta.dirname, '../../rules')),
    accountRule: { realmAliases: {} },
    hash: (text) => Buffer.from(text).toString('base64url').slice(-11),
    log: { info: () => {}, warn: () => {}, error: () => {} },
    count: () => {},
    announce: async () => {},
    maxContainmentsPerHour: 50,
    namesSenders: true,
    nowMs: () => now,
    newId: () => randomUUID().slice(0, 8),
    sleep: async () => {},
  };
  const logs = Array.from({ length: options.relays }, (_, index) => new RelayLog(`mx${index}`, index));
  for (const { relay } of logs) {
    queues.createQueue(commandQueueName(relay));
    const commandQueueUrl = urlOf(commandQueueName(relay));
    await deps.relays.enrol({ relay, senderId: `relay:${relay}`, commandQueueUrl, enrolledAt: now, zone: 'UTC' });
  }
  const dice = new Dice(11);
  const chains = new ChainMemory(deps);
  const sweep = sweeper(deps, chains);
  const totals = { mails: 0, rawBytes: 0, packs: 0 };
  const counts = new Map<string, number>();
  const work = async (kind: string, task: () => Promise<unknown>): Promise<void> => {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    await meter.on(kind, task);
  };

  const play = async (kind: string, thiefMails: number): Promise<void> => {
    for (let minute = 0; minute < minutes; minute++) {
      await work('minute', async () => {
        const statuses = await relayStatuses(deps);
        silentRelays(deps, statuses);
        await stoppedLines(deps, chains, statuses);
      });
      await work(`${kind} heartbeats`, () =>
        record(deps)(
          eventOf(
            logs.map(({ relay }) => heartbeat(relay, now)),
            now,
          ),
        ),
      );
      for (let tick = 0; tick < 60 / secondsPerPack; tick++) {
        const packs = logs.map((log) => packOf(log, dice, now, thiefMails));
        for (const { mails, rawBytes } of packs) {
          totals.mails += mails;
          totals.rawBytes += rawBytes;
          totals.packs += 1;
        }
        now += secondsPerPack * 1000;
        for (let at = 0; at < packs.length; at += 10) {
          await work(`${kind} batch`, () => ingest(deps)(eventOf(packs.slice(at, at + 10), now)));
        }
        await work(`${kind} sweep`, () => sweep());
      }
    }
  };
  try {
    await play('normal', 0);
    const normal = { ...totals };
    const theft = logs.map((log) => packOf(log, dice, now, 40));
    await work('containing', () => ingest(deps)(eventOf(theft, now)));
    await work('containing', () => dispatch(deps)({ Records: [] }));
    // Each relay proves it, so that the sweep has something to compare new mail with.
    const proof = { account: thief, what: 'quarantine', verified: true, held: 40, outsideHold: 0 };
    const proven = logs.map(({ relay }) => ({
      relay,
      mails: 0,
      body: JSON.stringify({ v: 1, kind: 'proof', relay, proofs: [proof], at: now }),
    }));
    await work('containing', () => record(deps)(eventOf(proven, now)));
    await play('storm', 2);
    table.hottest(0);
    await burst(deps, logs, now, work);
    const hottest = table.hottest(5).map(([key, units]): [string, number] => [key, units / burstSeconds]);
    const counted = (kind: string): Counted => {
      const bill = meter.bills.get(kind);
      if (bill === undefined) throw new Error(`nothing was done of ${kind}`);
      return { ...bill, count: counts.get(kind) ?? 0 };
    };
    if ((await deps.findings.containments()).length !== 1) throw new Error('the thief was not contained');
    return {
      relays: options.relays,
      ...normal,
      batches: counted('normal batch'),
      sweeps: counted('normal sweep'),
      heartbeats: counted('normal heartbeats'),
      minutes: counted('minute'),
      stormBatches: counted('storm batch'),
      stormSweeps: counted('storm sweep'),
      containing: counted('containing'),
      hottest,
    };
  } finally {
    await endpoint.close();
    sqs.destroy();
    db.close();
  }
}

const burstSeconds = 10;
const burstMailsPerSecond = 300;
const mailsPerFullPack = 75;

/** One relay at its busiest, with the thief and with a list; every relay's heartbeat falls into the same seconds. */
async function burst(
  deps: Deps,
  logs: readonly RelayLog[],
  now: number,
  work: (kind: string, task: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const [busy] = logs;
  if (busy === undefined) return;
  const packs = Array.from({ length: (burstSeconds * burstMailsPerSecond) / mailsPerFullPack }, (_, index) => {
    const lines = Array.from({ length: mailsPerFullPack }, (_, at) => {
      const login = at % 2 === 0 ? thief : `user${index}-${at}@example.org`;
      return busy.lines({
        login,
        sender: login,
        client: '203.0.113.9',
        recipients: ['x@far.test'],
        atMs: now,
        held: true,
      });
    });
    return busy.pack(lines.flat(), mailsPerFullPack);
  });
  for (let at = 0; at < packs.length; at += 10) {
    await work('burst', () => ingest(deps)(eventOf(packs.slice(at, at + 10), now)));
  }
  await work('burst', () =>
    record(deps)(
      eventOf(
        logs.map(({ relay }) => heartbeat(relay, now)),
        now,
      ),
    ),
  );
}

function signer() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return pemSigner('cost', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
}

interface Sent extends Pack {
  readonly rawBytes: number;
}

/** Ten seconds of a relay: people who write now and then, one in fifty a list that writes to many, and the thief. */
function packOf(log: RelayLog, dice: Dice, now: number, thiefMails: number): Sent {
  const lines: string[] = [];
  let unshipped = 0;
  let mails = 0;
  for (; mails < mailsPerPack; mails++) {
    const isList = dice.chance(0.02);
    const login = isList ? `list${dice.below(20)}@example.org` : `user${dice.below(100_000)}@example.org`;
    const recipients = Array.from({ length: isList ? 10 : 1 }, () => `to${dice.below(1e6)}@far.test`);
    const atMs = now + dice.below(secondsPerPack * 1000);
    const sending = { login, sender: login, client: `198.51.100.${dice.below(250)}`, recipients, atMs };
    lines.push(...log.lines(sending));
    unshipped += log.unshippedBytes(sending);
  }
  for (let index = 0; index < thiefMails; index++, mails++) {
    const sender = `s${dice.below(500)}@forged.test`;
    const recipients = [`victim${dice.below(1e6)}@far.test`];
    const atMs = now + dice.below(secondsPerPack * 1000);
    lines.push(...log.lines({ login: thief, sender, client: '203.0.113.9', recipients, atMs, held: true }));
  }
  const rawBytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, unshipped);
  return { ...log.pack(lines, mails), rawBytes };
}

function heartbeat(relay: string, at: number): Pack {
  const counts = { linesRead: at % 1e7, linesShipped: at % 1e6, packsSent: at % 1e5, queueErrors: 0, ordersTaken: 3 };
  const desired = { generation: 0, digest: '' };
  const instances = [{ name: 'postfix', addresses: ['192.0.2.1', '2001:db8::1', '127.0.0.1', '::1'] }];
  const body = JSON.stringify({
    v: 1,
    kind: 'heartbeat',
    relay,
    at,
    zone: 'Europe/Berlin',
    instances,
    desired,
    counts,
  });
  return { relay, mails: 0, body };
}

function eventOf(packs: readonly Pack[], sentAt: number): SQSEvent {
  const Records = packs.map(({ relay, body }): SQSRecord => {
    const sent = String(sentAt);
    return {
      messageId: randomUUID(),
      receiptHandle: 'r',
      body,
      attributes: {
        SenderId: `relay:${relay}`,
        SentTimestamp: sent,
        ApproximateReceiveCount: '1',
        ApproximateFirstReceiveTimestamp: sent,
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:local:000000000000:q',
      awsRegion: 'local',
    };
  });
  return { Records };
}
