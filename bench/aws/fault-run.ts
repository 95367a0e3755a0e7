import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { DynamoItemTable } from '../../aws/items.ts';
import type { Deps, Log } from '../../functions/deps.ts';
import { dispatch } from '../../functions/dispatch/handler.ts';
import { decode } from '../../functions/ingest/decode.ts';
import { ingest } from '../../functions/ingest/handler.ts';
import { partOf } from '../../functions/ingest/part.ts';
import { resendOutbox } from '../../functions/schedule/outbox.ts';
import { sweeper } from '../../functions/schedule/sweep.ts';
import { eventSource } from '../../hub/event-source.ts';
import { messagesOf } from '../../shared/correlate/lives.ts';
import { loadRules } from '../../shared/decide/rules.ts';
import { dayOf } from '../../shared/store/keys.ts';
import { storesOver } from '../../shared/store/stores.ts';
import { pemSigner } from '../../shared/wire/jws.ts';
import { type Order, order } from '../../shared/wire/orders.ts';
import { seeded } from '../chaos/schedule.ts';
import { type FaultCounts, Faults } from './faults.ts';
import { type Pack, RelayLog } from './traffic.ts';

export interface FaultRunOptions {
  readonly sqs: SQSClient;
  /** A client of its own for the functions, to be disturbed, and one that is not. */
  readonly disturbed: DynamoDBClient;
  readonly dynamodb: DynamoDBClient;
  readonly tableName: string;
  readonly relays: number;
  readonly mailsPerRelay: number;
  readonly visibilitySeconds: number;
  /** Before SQS sets a message aside. */
  readonly maxReceiveCount: number;
  readonly storeAwaySeconds: number;
  readonly seed: number;
  readonly log: Log;
}

export interface FaultReport {
  readonly faults: FaultCounts;
  readonly mails: number;
  /** Messages by the store beside those by one undisturbed pass over the same packs. */
  readonly missing: number;
  readonly extra: number;
  /** Findings and containments, by account. */
  readonly findings: readonly string[];
  readonly contained: readonly string[];
  /** Malformed input: of what was sent, how much lies in the dead-letter queue, and what else lies there. */
  readonly poison: number;
  readonly poisonSetAside: number;
  /** Why anything else was. */
  readonly othersSetAside: readonly string[];
  /** Orders that came before one with a lower number of the same account or kind. */
  readonly disorder: number;
  readonly orders: number;
  readonly seconds: number;
}

const thief = 'thief@example.org';
const poison = ['not even JSON', '{"v":1,"kind":"lines","relay":"mx0"}', '{"v":2}'];

/**
 * Mail of many people and of one thief through queues, functions and table, all of which fail in every way that they can
 * fail in; then: is the store what one pass without faults would have made it, and is every order there, in order?
 */
export async function faultRun(options: FaultRunOptions): Promise<FaultReport> {
  const { sqs, log, seed } = options;
  const startedAt = Date.now();
  const awayFrom = startedAt + 3_000;
  const isStoreAway = (): boolean => Date.now() >= awayFrom && Date.now() < awayFrom + options.storeAwaySeconds * 1000;
  const faults = new Faults({ random: seeded(seed), duplicateEvery: 3, killEvery: 6, throttled: 0.2, isStoreAway });
  const queues = await makeQueues(options);
  const relays = Array.from({ length: options.relays }, (_, index) => `mx${index}`);
  const truth = depsOver(options, new DynamoItemTable(options.dynamodb, options.tableName), queues);
  const commandQueues = new Map<string, string>();
  for (const relay of relays) {
    const commandQueueUrl = await makeQueue(sqs, `f-${randomUUID()}.fifo`, { FifoQueue: 'true' });
    commandQueues.set(relay, commandQueueUrl);
    await truth.relays.enrol({ relay, commandQueueUrl, enrolledAt: startedAt, zone: 'UTC' });
  }
  faults.disturb(options.disturbed);
  const deps = depsOver(options, new DynamoItemTable(options.disturbed, options.tableName), queues);

  const onError = (error: unknown): void => log.info({ error: String(error) }, 'as planned');
  const source = (queueUrl: string, handler: ReturnType<typeof ingest>, concurrency: number) =>
    eventSource({ client: sqs, queueUrl, handler: faults.around(handler), batchSize: 10, concurrency, onError });
  const sources = [source(queues.events, ingest(deps), 2), source(queues.dispatch, dispatch(deps), 1)];
  const packs = traffic(relays, options.mailsPerRelay, startedAt);
  try {
    for (const { body } of packs) await send(sqs, queues.events, body);
    for (const body of poison) await send(sqs, queues.events, body);
    await settled(options, deps, queues, onError);
  } finally {
    await Promise.all(sources.map((each) => each.close()));
  }

  const wanted = messageKeys(await Promise.all(packs.map((pack) => partOfPack(truth, pack))));
  const parts = [];
  for (const relay of relays) {
    for (const { part } of await truth.parts.between(relay, startedAt - 60_000, Date.now())) parts.push(part);
  }
  const stored = messageKeys(parts);
  const orders = await Promise.all(
    [...commandQueues.values()].map(async (url) => (await bodiesIn(sqs, url)).map(orderOf)),
  );
  // What comes twice is set aside twice.
  const letters = (await bodiesIn(sqs, queues.dead)).map((body) => letter.parse(JSON.parse(body)));
  const isPoison = (body: string): boolean => poison.includes(Buffer.from(body, 'base64').toString());
  const undelivered = (await bodiesIn(sqs, queues.eventsDead)).map(
    (body) => `received too often: ${body.slice(0, 80)}`,
  );
  return {
    faults: faults.counts,
    mails: packs.reduce((sum, { mails }) => sum + mails, 0),
    missing: [...wanted].filter((key) => !stored.has(key)).length,
    extra: [...stored].filter((key) => !wanted.has(key)).length,
    findings: (await truth.findings.ofDay(dayOf(startedAt))).map(({ account }) => account),
    contained: (await truth.findings.containments()).map(({ account }) => account),
    poison: poison.length,
    poisonSetAside: new Set(letters.filter(({ body }) => isPoison(body)).map(({ body }) => body)).size,
    othersSetAside: [...undelivered, ...letters.filter(({ body }) => !isPoison(body)).map(({ reason }) => reason)],
    orders: orders.flat().length,
    disorder: orders.reduce((sum, each) => sum + disorderOf(each), 0),
    seconds: (Date.now() - startedAt) / 1000,
  };
}

type Queues = Record<'events' | 'eventsDead' | 'dispatch' | 'dead', string>;

async function makeQueues({ sqs, visibilitySeconds, maxReceiveCount }: FaultRunOptions): Promise<Queues> {
  const id = randomUUID();
  const dead = await makeQueue(sqs, `f-${id}-dead`, {});
  const eventsDead = await makeQueue(sqs, `f-${id}-events-dead`, {});
  const asked = new GetQueueAttributesCommand({ QueueUrl: eventsDead, AttributeNames: ['QueueArn'] });
  const deadLetterTargetArn = (await sqs.send(asked)).Attributes?.QueueArn;
  const VisibilityTimeout = String(visibilitySeconds);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount });
  const events = await makeQueue(sqs, `f-${id}-events`, { VisibilityTimeout, RedrivePolicy });
  const dispatching = await makeQueue(sqs, `f-${id}-dispatch`, { VisibilityTimeout });
  return { events, eventsDead, dispatch: dispatching, dead };
}

async function makeQueue(sqs: SQSClient, QueueName: string, Attributes: Record<string, string>): Promise<string> {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
  if (QueueUrl === undefined) throw new Error(`no URL of queue ${QueueName}`);
  return QueueUrl;
}

function depsOver({ sqs, log }: FaultRunOptions, table: DynamoItemTable, queues: Queues): Deps {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    ...storesOver(table),
    sqs,
    queues,
    signer: pemSigner('faults', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    rules: loadRules(join(import.meta.dirname, '../../rules')),
    accountRule: { realmAliases: {} },
    hash: (text) => Buffer.from(text).toString('base64url').slice(0, 11),
    log,
    count: () => {},
    announce: async () => {},
    maxContainmentsPerHour: 50,
    namesSenders: false,
    nowMs: Date.now,
    newId: () => randomUUID().slice(0, 8),
    sleep: (ms) => sleep(ms),
  };
}

/** Every fifth mail is the thief's, each under another sender; the others are of people who write now and then. */
function traffic(relays: readonly string[], mailsPerRelay: number, nowMs: number): Pack[] {
  const mailsPerPack = 10;
  return relays.flatMap((relay, index) => {
    const log = new RelayLog(relay, index);
    return Array.from({ length: Math.ceil(mailsPerRelay / mailsPerPack) }, (_, pack) => {
      const lines = Array.from({ length: mailsPerPack }, (_, at) => {
        const number = pack * mailsPerPack + at;
        const isThief = number % 5 === 0;
        const login = isThief ? thief : `user${index}-${number % 150}@example.org`;
        const sender = isThief ? `s${number}@forged.test` : login;
        const recipients = [`to${number}@far.test`];
        return log.lines({ login, sender, client: '192.0.2.7', recipients, atMs: nowMs - 60_000 + number * 20 });
      });
      return log.pack(lines.flat(), mailsPerPack);
    });
  });
}

async function send(sqs: SQSClient, QueueUrl: string, MessageBody: string): Promise<void> {
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
}

/** Sweeps as the schedule does, until both queues and the outbox are empty and stay so. */
async function settled(
  { sqs, storeAwaySeconds, visibilitySeconds }: FaultRunOptions,
  deps: Deps,
  queues: Queues,
  onError: (error: unknown) => void,
): Promise<void> {
  const sweep = sweeper(deps);
  const giveUpAt = Date.now() + (storeAwaySeconds + 40 * visibilitySeconds + 60) * 1000;
  for (let quiet = 0; quiet < 3; ) {
    if (Date.now() > giveUpAt) throw new Error('the queues did not become empty');
    await sleep(1000);
    try {
      await sweep();
      await resendOutbox(deps);
      const waiting = (await depth(sqs, queues.events)) + (await depth(sqs, queues.dispatch));
      quiet = waiting === 0 && !(await deps.outbox.olderThan(Date.now())) ? quiet + 1 : 0;
    } catch (error) {
      quiet = 0;
      onError(error);
    }
  }
}

async function depth(sqs: SQSClient, QueueUrl: string): Promise<number> {
  const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  return (
    Number(Attributes['ApproximateNumberOfMessages']) + Number(Attributes['ApproximateNumberOfMessagesNotVisible'])
  );
}

async function partOfPack(deps: Deps, { body }: Pack) {
  const decoded = decode(body);
  if ('fault' in decoded) throw new Error(decoded.fault);
  return (await partOf(deps, decoded, Date.now())).part;
}

function messageKeys(parts: Parameters<typeof messagesOf>[0]): Set<string> {
  return new Set([...messagesOf(parts)].map((message) => JSON.stringify(message)));
}

async function bodiesIn(sqs: SQSClient, QueueUrl: string): Promise<string[]> {
  const bodies: string[] = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 600 }),
    );
    if (Messages.length === 0) return bodies;
    bodies.push(...Messages.map(({ Body = '' }) => Body));
  }
}

const letter = z.object({ reason: z.string(), body: z.string() });

function orderOf(jws: string): Order {
  return order.parse(JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()));
}

/** Neighbours in the queue whose generation or number falls: groups may be mixed, within one the order holds. */
function disorderOf(orders: readonly Order[]): number {
  const highest = new Map<string, number>();
  let disorder = 0;
  for (const each of orders) {
    const group = each.kind === 'desired' ? 'desired' : `account ${each.account}`;
    const number = each.kind === 'desired' ? each.generation : each.number;
    if (number < (highest.get(group) ?? 0)) disorder += 1;
    highest.set(group, Math.max(number, highest.get(group) ?? 0));
  }
  return disorder;
}
