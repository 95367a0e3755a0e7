import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type LabPostfix, startPostfix } from '../../lab/postfix.ts';
import { readQueue } from '../../lab/queue-truth.ts';
import { leftOut } from '../../lab/real-parts.ts';
import { type TestHub, testAgent, testHub } from './rig.fixture.ts';

const lack = leftOut();
const raw = 'Subject: hello\r\n\r\nHello\r\n';
const users = ['thief', 'alice'].map((login) => ({ login, password: 'secret' }));
const everything = { include: [], exclude: [] };
const thiefs = { include: [{ client: '127.66.0.0/16' }], exclude: [] };

describe.skipIf(lack !== undefined)(`exec killed at work${lack === undefined ? '' : ` (left out: ${lack})`}`, () => {
  let folder: string;
  let relay: LabPostfix;
  let hub: TestHub;
  let child: ChildProcess | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-killed-'));
    await chmod(folder, 0o755);
    const lab = { users, realm: 'lab.test', deferTransports: true, directory: join(folder, 'a'), name: 'pfk' };
    relay = await startPostfix({ ...lab, address: '127.0.0.15' });
    hub = testHub({
      socket: join(folder, 'exec.sock'),
      instances: [{ name: 'pfk', configDirectory: relay.configDirectory }],
      allowPurge: true,
    });
  });

  afterAll(async () => {
    await relay?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  afterEach(async () => {
    await kill();
    execFileSync('postsuper', ['-c', relay.configDirectory, '-d', 'ALL'], { stdio: 'ignore' });
  });

  async function start(killAt?: { at: number; when: 'before' | 'after' }) {
    const input = join(folder, 'input.json');
    await writeFile(input, JSON.stringify({ config: hub.config, stateDirectory: folder, kill: killAt }));
    const started = fork(join(import.meta.dirname, 'exec-child.fixture.ts'), [input]);
    child = started;
    await new Promise((resolve, reject) => {
      started.once('message', resolve);
      started.once('exit', () => reject(new Error('exec did not start')));
    });
  }

  async function gone() {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      await new Promise((resolve) => child?.once('exit', resolve));
    }
  }

  async function kill() {
    child?.kill('SIGKILL');
    await gone();
  }

  async function fill(login: string, localAddress: string, count: number): Promise<string[]> {
    const session = await relay.openSession({ login, password: 'secret', localAddress });
    const ids: string[] = [];
    for (let n = 0; n < count; n++) ids.push(await session.send({ from: 'a@b.test', to: ['r@far.test'], raw }));
    await session.close();
    return ids;
  }

  const states = async (ids: readonly string[]) => {
    const queue = await readQueue(relay.queueDirectory);
    return [...new Set(ids.map((id) => queue.get(id)?.queue ?? 'gone'))];
  };
  const innocent = async (ids: readonly string[]) => {
    const queue = await readQueue(relay.queueDirectory);
    return ids.map((id) => `${id} ${queue.get(id)?.sha256}`);
  };

  test.each([
    { when: 'before' as const, random: 5 },
    { when: 'after' as const, random: 40 },
    { when: 'after' as const, random: 120 },
  ])(
    'killed $when each effect and at $random ms: resumed, the effect is once and counted once',
    async ({ when, random }) => {
      const spam = await fill('thief', '127.66.0.1', 60);
      const owners = await fill('thief', '127.20.0.1', 3);
      const alices = await fill('alice', '127.10.0.1', 5);
      await sleep(300);
      const before = await innocent(alices);
      const orders: [string, string, number][] = [
        ['hold', await hub.command('hold', { selection: everything }), 63],
        ['purge', await hub.command('purge', { selection: thiefs }), 60],
        ['release', await hub.command('release', { selection: everything }), 3],
      ];
      for (const [act, jws, count] of orders) {
        // Once at the effect itself, then at a random moment of the resumption, then it may finish.
        await start({ at: 1, when });
        const agent = await testAgent(hub.config.socket);
        agent.send({ id: act, jws });
        await gone();
        agent.close();
        await start();
        await sleep(random);
        await kill();
        await start();
        const last = await testAgent(hub.config.socket);
        const named = { hold: 'held', purge: 'purged', release: 'released' }[act] ?? '';
        const answer = await last.response((each) => each.id === act && each.state !== 'journaled');
        expect(answer, act).toMatchObject({ state: 'done', counts: { [named]: count } });
        expect(answer.proofs).toMatchObject([{ verified: true }]);
        // The same order once more changes nothing.
        expect(await last.order(jws)).toMatchObject({ state: 'done', counts: { [named]: count } });
        for (const id of new Set(last.responses.map((each) => each.id))) last.send({ ack: id });
        last.send({ id: 'acked', status: true });
        await last.response((each) => each.id === 'acked');
        last.close();
        await kill();
      }
      expect(await states(spam)).toEqual(['gone']);
      expect(await states(owners)).not.toContain('hold');
      expect(await states(owners)).not.toContain('gone');
      expect(await states(alices)).not.toContain('hold');
      expect(await innocent(alices)).toEqual(before);
    },
  );

  test('killed while a quarantine takes hold: after the start everything of the account is held', async () => {
    const spam = await fill('thief', '127.66.0.1', 50);
    await start({ at: 1, when: 'after' });
    const agent = await testAgent(hub.config.socket);
    agent.send({ id: 'q', jws: await hub.desired([{}]) });
    await gone();
    agent.close();
    await start();
    const last = await testAgent(hub.config.socket);
    const answer = await last.response((each) => each.id === 'q' && each.state !== 'journaled');
    expect(answer).toMatchObject({ state: 'done' });
    expect(answer.proofs?.[0]).toMatchObject({ verified: true, outsideHold: 0 });
    expect(await states(spam)).toEqual(['hold']);
    last.close();
  });
});
