import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LabPostfix, startPostfix } from '../../lab/postfix.ts';
import { readQueue, type TruthFile } from '../../lab/queue-truth.ts';
import { openRaw } from '../../lab/raw-smtp.ts';
import { leftOut } from '../../lab/real-parts.ts';
import type { SmtpSession } from '../../lab/smtp-client.ts';
import { startExec } from './main.ts';
import { realPostfix } from './real.ts';
import { silent, type TestAgent, type TestHub, testAgent, testHub } from './rig.fixture.ts';

const lack = leftOut();
const raw = 'Subject: hello\r\nMessage-ID: <one@client.test>\r\n\r\nHello\r\n';
const users = ['thief', 'Thief@lab.test', 'alice', 'bob', 'thief '].map((login) => ({ login, password: 'secret' }));
const thiefNetwork = { client: '127.66.0.0/16' };

describe.skipIf(lack !== undefined)(`exec on real Postfix${lack === undefined ? '' : ` (left out: ${lack})`}`, () => {
  let folder: string;
  let relay: LabPostfix;
  let second: LabPostfix;
  let hub: TestHub;
  let exec: { close(): Promise<void> };
  let agent: TestAgent;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-exec-'));
    await chmod(folder, 0o755);
    const common = { users, realm: 'lab.test', deferTransports: true };
    [relay, second] = await Promise.all([
      startPostfix({ ...common, directory: join(folder, 'a'), name: 'pfa', address: '127.0.0.13' }),
      startPostfix({
        ...common,
        directory: join(folder, 'b'),
        name: 'pfb',
        address: '127.0.0.14',
        longQueueIds: false,
      }),
    ]);
    hub = testHub({
      socket: join(folder, 'run', 'exec.sock'),
      instances: [relay, second].map(({ name, configDirectory }) => ({ name, configDirectory })),
      allowPurge: true,
    });
    await start();
  });

  afterAll(async () => {
    agent?.close();
    await exec?.close();
    await Promise.all([relay?.stop(), second?.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  async function start() {
    exec = await startExec({
      config: hub.config,
      stateDirectory: join(folder, 'state'),
      postfix: await realPostfix(hub.config.instances),
      log: silent,
    });
    agent = await testAgent(hub.config.socket);
  }

  const open = (login: string, localAddress = '127.66.0.7', at = relay) =>
    at.openSession({ localAddress, login, password: 'secret' });
  const mail = (session: SmtpSession, from = 'forged@elsewhere.test') =>
    session.send({ from, to: ['r@far.test'], raw });
  const queueOf = async (queueId: string, at = relay) => (await readQueue(at.queueDirectory)).get(queueId)?.queue;
  const others = async (): Promise<TruthFile[]> =>
    [...(await readQueue(relay.queueDirectory)).values(), ...(await readQueue(second.queueDirectory)).values()].filter(
      (file) => !file.saslUsername?.toLowerCase().startsWith('thief'),
    );
  const fingerprint = (files: readonly TruthFile[]) =>
    files.map((file) => `${file.queueId} ${file.queue} ${file.sha256}`).sort();

  test('the socket is the agent’s alone, in a folder only root may change', async () => {
    const { mode, uid } = await stat(hub.config.socket);
    expect(mode & 0o777).toBe(0o600);
    expect(uid).toBe(65534);
    expect((await stat(join(folder, 'run'))).mode & 0o777).toBe(0o755);
  });

  test('quarantine: queued mail is held, an open session’s next mail lands in hold, under every spelling', async () => {
    const thief = await open('thief');
    const spelt = await open('Thief@lab.test');
    const blank = await open('thief ');
    const alice = await open('alice', '127.10.0.1');
    const before = [await mail(thief), await mail(spelt), await mail(blank), await mail(thief)];
    const innocent = await mail(alice);
    const onSecond = await open('thief', '127.66.0.7', second);
    const short = await mail(onSecond);
    await sleep(200);
    const untouched = fingerprint(await others());

    const started = performance.now();
    const answer = await agent.order(await hub.desired([{}]), {
      candidateIds: before.slice(0, 2).map((id) => ['pfa', id]),
    });
    expect(performance.now() - started).toBeLessThan(5000);
    expect(answer).toMatchObject({ state: 'done', counts: { held: 5 } });
    expect(answer.proofs).toEqual([
      { account: 'thief@lab.test', what: 'quarantine', verified: true, held: 5, outsideHold: 0 },
    ]);
    for (const id of before) expect(await queueOf(id)).toBe('hold');
    expect(await queueOf(short, second)).toBe('hold');

    for (const session of [thief, spelt, blank]) {
      const id = await mail(session);
      expect(await queueOf(id), session.login).toBe('hold');
    }
    expect(await queueOf(await mail(onSecond), second)).toBe('hold');
    expect(await queueOf(innocent)).toBe('deferred');
    expect(await queueOf(await mail(alice))).not.toBe('hold');
    expect(fingerprint(await others())).toEqual(expect.arrayContaining(untouched));
    await Promise.all([thief, spelt, blank, alice, onSecond].map((session) => session.close()));
  });

  test('a message that was in DATA when the quarantine came is held as soon as it is complete', async () => {
    expect(await agent.order(await hub.desired([]))).toMatchObject({ state: 'done' });
    const slow = await openRaw({ host: relay.host, port: relay.port, localAddress: '127.66.0.8' });
    await slow.command('EHLO client.test');
    await slow.command(`AUTH PLAIN ${Buffer.from('\0thief\0secret').toString('base64')}`);
    await slow.command('MAIL FROM:<late@elsewhere.test>');
    await slow.command('RCPT TO:<r@far.test>');
    await slow.command('DATA');
    await agent.order(await hub.desired([{}]));
    const reply = await slow.command('Subject: late\r\n\r\nlate\r\n.');
    const id = /queued as (\w+)/.exec(reply.text)?.[1] ?? '';
    slow.close();
    await expect.poll(() => queueOf(id), { timeout: 2000 }).toBe('hold');
  });

  test('kick ends the thief’s session and no other, and throttles nothing', async () => {
    const sessions = [
      await open('thief', '127.66.0.9'),
      await open('alice', '127.66.0.9'),
      await open('thief', '127.66.0.10', second),
    ];
    const [thief, alice, elsewhere] = sessions;
    if (thief === undefined || alice === undefined || elsewhere === undefined) throw new Error('no sessions');
    for (const session of sessions) await mail(session);
    const postfix = await realPostfix(hub.config.instances);
    const live = await postfix.sessions('pfa');
    const of = (session: SmtpSession) => live.find((each) => each.clientPort === session.localPort);
    expect(of(thief)?.client).toBe('127.66.0.9');
    expect(of(elsewhere)).toBeUndefined();
    const hinted = { ...of(thief), login: 'Thief' };
    const answer = await agent.order(await hub.command('kick'), {
      candidateSessions: [
        hinted,
        // Another account's session, a process that is no smtpd, and a peer that is not this process's.
        { ...of(alice), login: 'alice' },
        { ...hinted, pid: process.pid },
        { ...hinted, client: '127.10.0.99' },
      ],
    });
    expect(answer).toMatchObject({ state: 'done', counts: { kicked: 1, left: 3 } });
    expect(answer.proofs?.[0]).toMatchObject({ what: 'kick', verified: true, connections: 0 });
    expect((await thief.ended).by).toBe('server');
    await mail(alice);
    await mail(elsewhere);
    const again = await open('bob');
    await mail(again);
    await Promise.all([alice, elsewhere, again].map((session) => session.close()));
    expect(await readFile(relay.maillog, 'utf8')).not.toMatch(/throttling|bad command startup/);
  });

  test('purge takes the selection and nothing else; release lets the owner’s mail go once the desired state allows it', async () => {
    const owner = await open('thief', '127.20.0.1');
    const kept = [await mail(owner), await mail(owner)];
    await owner.close();
    await sleep(300);
    const untouched = fingerprint(await others());
    const spam = [...(await readQueue(relay.queueDirectory)).values()].filter(
      (file) => file.clientAddress?.startsWith('127.66.') && file.queue === 'hold',
    );
    expect(spam.length).toBeGreaterThan(5);

    const purge = await agent.order(
      await hub.command('purge', { selection: { include: [thiefNetwork], exclude: [] } }),
    );
    expect(purge.state, purge.reason).toBe('done');
    expect(purge.counts?.purged).toBeGreaterThanOrEqual(spam.length);
    expect(purge.proofs?.[0]).toMatchObject({ what: 'purge', verified: true, held: 2, outsideHold: 0 });
    for (const file of spam) expect(await queueOf(file.queueId)).toBeUndefined();
    for (const id of kept) expect(await queueOf(id)).toBe('hold');
    expect(fingerprint(await others())).toEqual(untouched);

    const everything = { include: [], exclude: [] };
    const generation = Date.now() + 10;
    const releasing = agent.order(
      await hub.command('release', { selection: everything, requiresGeneration: generation }),
    );
    await sleep(100);
    for (const id of kept) expect(await queueOf(id)).toBe('hold');
    await agent.order(
      await hub.desired([{ released: [{ selection: everything, before: Date.now() }] }], { generation }),
    );
    const release = await releasing;
    expect(release).toMatchObject({ state: 'done', counts: { released: 2 } });
    expect(release.proofs?.[0]).toMatchObject({ what: 'release', verified: true, held: 0 });
    // The quarantine still stands: a sweep leaves alone what a person released.
    const swept = await agent.order(await hub.command('sweep'));
    expect(swept.counts?.held).toBeUndefined();
    for (const id of kept) expect(await queueOf(id)).not.toBe('hold');
    expect(await queueOf(kept[0] ?? '')).toBeDefined();
    expect(fingerprint(await others())).toEqual(untouched);
  });

  test('what is in force survives a restart; what came while exec was down is held then', async () => {
    agent.close();
    await exec.close();
    const thief = await open('thief');
    const id = await mail(thief);
    expect(await queueOf(id)).toBe('hold');
    execFileSync('postsuper', ['-c', relay.configDirectory, '-H', id], { stdio: 'ignore' });
    await thief.close();
    await sleep(200);
    expect(await queueOf(id)).not.toBe('hold');
    await start();
    await expect.poll(() => queueOf(id), { timeout: 3000 }).toBe('hold');
    agent.send({ id: 'how', status: true });
    const status = await agent.response((each) => each.id === 'how');
    expect(status.desired?.digest).toBe('d'.repeat(64));
  });

  test('a containment ends by itself: the map forgets the account, what is held stays', async () => {
    const answer = await agent.order(await hub.desired([{ until: Date.now() + 1500 }]));
    expect(answer.state).toBe('done');
    const thief = await open('thief');
    const held = await mail(thief);
    expect(await queueOf(held)).toBe('hold');
    const postfix = await realPostfix(hub.config.instances);
    await expect.poll(async () => (await postfix.readMap('pfa')).size, { timeout: 4000 }).toBe(0);
    expect(await queueOf(await mail(thief))).not.toBe('hold');
    expect(await queueOf(held)).toBe('hold');
    await thief.close();
  });

  test('block: the next message of an open session is refused, in both forms of the name', async () => {
    const sessions = [await open('thief'), await open('Thief@lab.test')];
    for (const session of sessions) await mail(session);
    await agent.order(await hub.desired([{ mode: 'block' }]));
    for (const session of sessions) await expect(mail(session)).rejects.toMatchObject({ code: 554 });
    await Promise.all(sessions.map((session) => session.close()));
    await agent.order(await hub.desired([]));
  });
});
