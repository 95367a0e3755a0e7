import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SQSEvent } from 'aws-lambda';
import { afterEach, expect, test } from 'vitest';
import { LineSplitter } from '../agent/lines.ts';
import { leavesHost, Packer } from '../agent/packer.ts';
import { context, readCorpus } from '../bench/ids/corpus.ts';
import { buildLog } from '../bench/ids/log.ts';
import { ingest } from '../functions/ingest/handler.ts';
import { SimulatedRelay } from '../lab/simulated.ts';
import { type FileChain, place } from '../shared/chain/chain.ts';
import { factOf } from '../shared/correlate/collect.ts';
import type { Part } from '../shared/correlate/facts.ts';
import { parseLine } from '../shared/parse/line.ts';
import { linesMessage } from '../shared/wire/events.ts';
import { unpackLines } from '../shared/wire/lines.ts';
import { startDeps } from './deps.fixture.ts';
import { readConfig, throughTransforms } from './vector-pipeline.fixture.ts';
import { configFault, describeWithVrl, type LogEvent, runVrl } from './vrl.fixture.ts';

const environment = {
  HOLDFAST_RELAY: 'mx1',
  HOLDFAST_ZONE: 'UTC',
  HOLDFAST_ENDPOINT: 'http://127.0.0.1:9400',
  HOLDFAST_REGION: 'local',
  HOLDFAST_EVENTS_URL: 'http://127.0.0.1:9400/000000000000/events',
};
const configs = ['file.yaml', 'journald.yaml'];
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Lines of the log maker's stories, as one file; of yesterday, since the hub takes nothing that is older than a week. */
function storyLog(lines: number): string {
  const texts: string[] = [];
  buildLog({ lines, seed: 7, stamp: 'rfc3339', write: (text) => texts.push(text) });
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  return texts.join('').replaceAll(/^\d{4}-\d\d-\d\d/gm, yesterday);
}

/** What Vector's file source makes of a file: bytes that are no UTF-8 become U+FFFD. */
function fileEvents(bytes: Buffer, file: string): LogEvent[] {
  return new LineSplitter(0).push(bytes).map(({ text, offset }) => ({ message: text, offset, file }));
}

const file = readConfig('file.yaml', environment);
const shape = (lines: readonly string[]): LogEvent[] =>
  throughTransforms(
    file,
    'shape',
    'shape',
    lines.map((message) => ({ message, offset: 0, file: '/var/log/mail.log' })),
  ) as LogEvent[];

/** Lines that the core makes a fact of. */
function isFact(line: string): boolean {
  const parsed = parseLine(line, context);
  return 'ok' in parsed && factOf(parsed.ok, (text) => text) !== undefined;
}

/** Lines of a relay of the lab: sessions, deliveries, deferrals. */
async function labLines(): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-vector-'));
  closers.push(() => rm(folder, { recursive: true }));
  const maillog = join(folder, 'mail.log');
  const users = [{ login: 'anna', password: 'x' }];
  const delivery = { messagesPerSecond: 1_000, outcome: 'sent' as const };
  const relay = new SimulatedRelay({ name: 'mx-lab', maillog, users, realm: 'lab.test', delivery });
  closers.push(() => relay.stop());
  const session = await relay.openSession({ localAddress: '127.66.0.1', login: 'anna', password: 'x' });
  for (let mail = 0; mail < 5; mail++)
    await session.send({ from: 'anna@lab.test', to: [`b${mail}@x.test`], raw: 'Subject: hello\r\n\r\nhello\r\n' });
  await session.close();
  await new Promise((resolve) => setTimeout(resolve, 300));
  return (await readFile(maillog, 'utf8')).trimEnd().split('\n');
}

describeWithVrl('the Vector configs in a real VRL engine', () => {
  test.each(configs)('%s: each program compiles', (name) => {
    expect(configFault(readConfig(name, environment))).toBeUndefined();
  });

  test.each(
    configs.flatMap((name) => readConfig(name, environment).tests.map((each) => [name, each.name, each] as const)),
  )('%s: %s', (name, _, { inputs, outputs }) => {
    const config = readConfig(name, environment);
    const [first] = inputs;
    for (const { extract_from: last, conditions } of outputs) {
      const given = inputs.map(({ log_fields }) => log_fields);
      const events = throughTransforms(config, first?.insert_at ?? '', last, given);
      expect(events).not.toEqual([]);
      for (const { source } of conditions) runVrl(source, events);
    }
  });

  test('each line that the core makes a fact of leaves the host, of every log there is', async () => {
    const corpus = readCorpus().map(({ bytes }) => Buffer.from(bytes, 'latin1').toString());
    const lines = [...corpus, ...(await labLines())];
    const facts = lines.filter(isFact);
    expect(facts.length).toBeGreaterThan(8_000);
    const kept = shape(facts);
    expect(facts.filter((_, index) => kept[index]?.['n'] !== 1)).toEqual([]);
  });

  test('the agent and Vector choose the same lines', () => {
    const lines = readCorpus().map(({ bytes }) => Buffer.from(bytes, 'latin1').toString());
    const shaped = shape(lines);
    expect(lines.filter((line, index) => leavesHost(line) !== (shaped[index]?.['n'] === 1))).toEqual([]);
    // Most of a relay's log stays there.
    expect(lines.filter((line) => !leavesHost(line)).length).toBeGreaterThan(100);
  });

  test('the hub treats both alike: the same log by the agent and by Vector gives the same facts and the same chain', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-vector-'));
    closers.push(() => rm(folder, { recursive: true }));
    const log = join(folder, 'mail.log');
    await writeFile(log, storyLog(8_000));
    const bytes = await readFile(log);
    const byVector = throughTransforms(file, 'shape', 'body', fileEvents(bytes, log));
    const byAgent: object[] = [];
    const packer = new Packer({ relay: 'mx1', file: log, zone: 'UTC' });
    for (const line of new LineSplitter(0).push(bytes)) {
      if (packer.add(line)) continue;
      byAgent.push(packer.take());
      packer.add(line);
    }
    byAgent.push(packer.take());

    expect(byVector.length).toBeGreaterThan(20);
    const [one, other] = [await stored(byAgent), await stored(byVector)];
    expect(one.facts.length).toBeGreaterThan(4_000);
    expect(other.facts).toEqual(one.facts);
    for (const { chain } of [one, other]) {
      expect(chain.generations).toMatchObject([{ start: 0, end: bytes.length, gaps: [] }]);
    }
  });

  test('a line that is too long is cut where the agent cuts it, also within a character', () => {
    const lines = ['x'.repeat(3_000), 'ü'.repeat(600), 'aü'.repeat(1_500), '\u{1f600}'.repeat(700)];
    const bytes = Buffer.from(lines.map((text) => `Nov 24 10:13:12 mx postfix/smtpd[1]: ${text}\n`).join(''));
    const packer = new Packer({ relay: 'mx1', file: '/var/log/mail.log', zone: 'UTC' });
    for (const line of new LineSplitter(0).push(bytes)) packer.add(line);
    const byVector = throughTransforms(file, 'shape', 'body', fileEvents(bytes, '/var/log/mail.log'));
    const texts = byVector.map((pack) => unpackLines(linesMessage.parse(pack)));
    expect(texts).toEqual([unpackLines(packer.take())]);
  });

  test('what Vector sends again after a crash, packed otherwise, is the same facts again (I2)', async () => {
    const log = Buffer.from(storyLog(3_000));
    const events = fileEvents(log, '/var/log/mail.log');
    const once = throughTransforms(file, 'shape', 'body', events);
    const again = throughTransforms(file, 'shape', 'body', events.slice(1_111));
    const [one, other] = [await stored(once), await stored([...once.slice(0, 6), ...again, ...once.slice(4)])];
    expect(other.facts).toEqual(one.facts);
    expect(other.chain.generations).toMatchObject([{ start: 0, end: log.length, gaps: [] }]);
  });

  test('a pack stays below the 1 MiB that SQS takes, whatever the lines hold', () => {
    const noise = (bytes: number): string =>
      Array.from({ length: bytes / 4 }, (_, index) => String.fromCodePoint(0x10000 + ((index * 7919) % 60_000))).join(
        '',
      );
    const ascii = (seed: number): string =>
      Array.from({ length: 9_000 }, (_, index) =>
        String.fromCharCode(33 + ((index * index * 31 + seed * 7) % 94)),
      ).join('');
    for (const text of [() => noise(32_000), ascii]) {
      const events = Array.from({ length: 300 }, (_, index) => {
        return {
          message: `postfix/smtpd[${index}]: ${text(index)}`,
          offset: index * 40_000,
          file: '/var/log/mail.log',
        };
      });
      const [pack] = throughTransforms(file, 'shape', 'body', events);
      expect(pack).toMatchObject({ n: 300 });
      expect(JSON.stringify(pack).length).toBeLessThan(1_048_576);
    }
  });

  test('entries of the journal are the facts that their lines would be', async () => {
    const journald = readConfig('journald.yaml', environment);
    const at = Date.now() * 1000;
    const entries = [
      ['postfix/submission/smtpd', '4A1B2C3D4E: client=unknown[192.0.2.7], sasl_method=PLAIN, sasl_username=anna'],
      ['postfix/cleanup', '4A1B2C3D4E: message-id=<1@x.test>'],
      ['postfix', '4A1B2C3D4E: from=<anna@x.test>, size=383, nrcpt=1 (queue active)'],
      ['sshd', 'Accepted password for root'],
      [
        'postfix/smtp',
        '4A1B2C3D4E: to=<b@x.test>, relay=mx.test[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)',
      ],
    ];
    const packs = throughTransforms(
      journald,
      'shape',
      'body',
      entries.map(([identifier, message], index) => ({
        ...{ message, host: 'mx1', SYSLOG_IDENTIFIER: identifier, _PID: '77' },
        __REALTIME_TIMESTAMP: String(at + index),
      })),
    );
    expect(packs).toMatchObject([{ n: 4, all: 5, from: 0, to: 0 }]);
    const { facts, chain } = await stored(packs);
    expect(facts.map((each) => JSON.parse(each)[2].kind).sort()).toEqual([
      'accepted',
      'messageId',
      'outcome',
      'queued',
    ]);
    expect(chain.generations).toEqual([]);
  });
});

/** Facts and chain of messages, after the hub's own ingest, each fact once. */
async function stored(messages: readonly object[]): Promise<{ facts: string[]; chain: FileChain }> {
  const hub = await startDeps();
  closers.push(hub.close);
  await hub.enrol('mx1');
  const now = Date.now();
  for (const [index, message] of messages.entries()) {
    linesMessage.parse(message);
    await ingest(hub.deps)(eventOf(JSON.stringify(message), now + index));
  }
  const found = await hub.deps.parts.between('mx1', now - 1_000, now + messages.length);
  const parts = found.map(({ part }) => part);
  expect(factsOf(parts)).not.toEqual([]);
  const chain: FileChain = { generations: [], heardAt: 0 };
  for (const part of parts) place(chain, part, now);
  return { facts: factsOf(parts), chain };
}

function factsOf(parts: readonly Part[]): string[] {
  const facts = parts.flatMap(({ traces }) =>
    traces.flatMap(({ instance, queueId, facts }) => facts.map((fact) => JSON.stringify([instance, queueId, fact]))),
  );
  return [...new Set(facts)].sort();
}

function eventOf(body: string, sentAt: number): SQSEvent {
  const times = { SentTimestamp: String(sentAt), ApproximateFirstReceiveTimestamp: String(sentAt) };
  return {
    Records: [
      {
        ...{ messageId: `m${sentAt}`, receiptHandle: 'r', body, messageAttributes: {}, md5OfBody: '' },
        attributes: { SenderId: 'relay:mx1', ApproximateReceiveCount: '1', ...times },
        ...{ eventSource: 'aws:sqs', eventSourceARN: 'arn:aws:sqs:local:000000000000:q', awsRegion: 'local' },
      },
    ],
  };
}
