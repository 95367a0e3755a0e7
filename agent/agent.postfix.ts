import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LabPostfix, startPostfix } from '../lab/postfix.ts';
import { readQueue } from '../lab/queue-truth.ts';
import { leftOut } from '../lab/real-parts.ts';
import { linesMessage, type ReportMessage, type ResultMessage, reportMessage } from '../shared/wire/events.ts';
import { unpackLines } from '../shared/wire/lines.ts';
import { startExec } from './exec/main.ts';
import { realPostfix } from './exec/real.ts';
import { silent, type TestHub, testHub } from './exec/rig.fixture.ts';
import { type SqsStub, startSqsStub } from './sqs-stub.fixture.ts';

let folder: string;
let relay: LabPostfix;
let hub: TestHub;
let queues: SqsStub;
let exec: { close(): Promise<void> };
let agent: ChildProcess;

const lack = leftOut();

async function startAgent(): Promise<void> {
  const child = join(import.meta.dirname, 'agent-child.fixture.ts');
  agent = spawn(process.execPath, [child, join(folder, 'agent.json'), join(folder, 'state'), 'drop'], {
    stdio: 'inherit',
  });
  await once(agent, 'spawn');
}

async function killAgent(): Promise<void> {
  agent.kill('SIGKILL');
  await once(agent, 'exit');
}

async function until(what: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms`);
    await sleep(10);
  }
}

const reports = (): ReportMessage[] =>
  (queues.sent.get('reports') ?? []).map((body) => reportMessage.parse(JSON.parse(body)));
const result = (id: string): ResultMessage | undefined =>
  reports().flatMap((report) => (report.kind === 'result' && report.id === id ? [report] : []))[0];
const shipped = (): string[] =>
  (queues.sent.get('events') ?? []).flatMap((body) => unpackLines(linesMessage.parse(JSON.parse(body))));

const mail = (from: string) => ({ from, to: ['somebody@elsewhere.test'], raw: 'Subject: hello\r\n\r\nhello\r\n' });
const session = (login: string, localAddress: string) => relay.openSession({ login, localAddress, password: 'pw' });
const jtiOf = (jws: string): string => JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()).jti;

async function carried(jws: string): Promise<ResultMessage> {
  queues.command(jws);
  await until(() => result(jtiOf(jws)) !== undefined);
  const found = result(jtiOf(jws));
  if (found === undefined) throw new Error('no result');
  return found;
}

async function queueOf(login: string): Promise<string[]> {
  const files = [...(await readQueue(relay.queueDirectory)).values()];
  return files.filter((file) => file.saslUsername?.startsWith(login)).map((file) => file.queue);
}

describe.skipIf(lack !== undefined)(
  `the agent on a real relay${lack === undefined ? '' : ` (left out: ${lack})`}`,
  () => {
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'holdfast-agent-'));
      await chmod(folder, 0o755);
      await mkdir(join(folder, 'state'));
      relay = await startPostfix({
        directory: join(folder, 'r1'),
        name: 'r1',
        address: '127.0.0.41',
        realm: 'lab.test',
        deferTransports: true,
        users: ['thief', 'alice'].map((login) => ({ login, password: 'pw' })),
      });
      queues = await startSqsStub();
      const instances = [{ name: relay.name, configDirectory: relay.configDirectory }];
      const socket = join(folder, 'run', 'exec.sock');
      hub = testHub({ socket, instances, allowPurge: true });
      exec = await startExec({
        config: hub.config,
        stateDirectory: join(folder, 'state'),
        postfix: await realPostfix(instances),
        log: silent,
      });
      const config = {
        ...{ relay: 'r1', ...queues.config, maillogs: [relay.maillog], instances, execSocket: socket },
        ...{ user: 'nobody', snapshotSeconds: 1, heartbeatSeconds: 1 },
      };
      await writeFile(join(folder, 'agent.json'), JSON.stringify(config));
      await startAgent();
    });

    afterAll(async () => {
      await killAgent();
      await exec.close();
      await queues.close();
      await relay.stop();
      await rm(folder, { recursive: true });
    });

    it('ships a burst long before the ten seconds of a calm log, and tells how the queue stands', async () => {
      const thief = await session('thief', '127.66.0.1');
      const alice = await session('alice', '127.10.0.1');
      await alice.send(mail('alice@lab.test'));
      for (let n = 0; n < 6; n++) await thief.send(mail(`forged${n}@lab.test`));
      const sentAt = performance.now();
      await until(() => shipped().filter((line) => line.includes('sasl_username=thief')).length >= 5);
      expect(performance.now() - sentAt).toBeLessThan(5_000);
      await until(() =>
        reports().some(
          (report) =>
            report.kind === 'snapshot' && report.accounts.some((each) => each.login === 'thief' && each.messages === 6),
        ),
      );
      await thief.close();
      await alice.close();
    });

    it('brings a containment into force, hints what comes later, and reports the proof', async () => {
      const thief = await session('thief', '127.66.0.1');
      await thief.send(mail('early@lab.test'));
      const done = await carried(await hub.desired([{ account: 'thief@lab.test', logins: ['thief'] }]));
      expect(done).toMatchObject({
        state: 'done',
        proofs: [{ account: 'thief@lab.test', verified: true, outsideHold: 0 }],
      });
      await thief.send(mail('late@lab.test'));
      await until(async () => (await queueOf('thief')).every((queue) => queue === 'hold'));
      expect(await queueOf('thief')).toHaveLength(8);
      expect(await queueOf('alice')).toEqual(['deferred']);
      await thief.close();
    });

    it('ends the sessions that its index knows', async () => {
      const thief = await session('thief', '127.66.0.2');
      const alice = await session('alice', '127.10.0.1');
      await thief.send(mail('x@lab.test'));
      await alice.send(mail('alice@lab.test'));
      await sleep(200);
      const done = await carried(await hub.command('kick'));
      expect(done).toMatchObject({ state: 'done', counts: { kicked: 1 } });
      expect((await thief.ended).by).toBe('server');
      await alice.send(mail('alice@lab.test'));
      await alice.close();
    });

    it('converges after a kill: what exec did meanwhile is reported, what was submitted is shipped', async () => {
      await killAgent();
      const alice = await session('alice', '127.10.0.1');
      const ids: string[] = [];
      for (let n = 0; n < 5; n++) ids.push(await alice.send(mail('alice@lab.test')));
      await alice.close();
      const selection = { include: [{ client: '127.66.0.0/16' }], exclude: [] };
      const purge = await hub.command('purge', { selection });
      queues.command(purge);
      await startAgent();
      await until(() => result(jtiOf(purge)) !== undefined);
      expect(result(jtiOf(purge))).toMatchObject({ state: 'done', counts: { purged: 9 } });
      expect(await queueOf('thief')).toEqual([]);
      await until(() => ids.every((id) => shipped().some((line) => line.includes(`: ${id}: client=`))));
    });
  },
);
