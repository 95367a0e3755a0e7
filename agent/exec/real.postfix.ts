import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LabPostfix, startPostfix } from '../../lab/postfix.ts';
import { readQueue } from '../../lab/queue-truth.ts';
import { leftOut } from '../../lab/real-parts.ts';
import { mapPath } from './access-map.ts';
import { Effects } from './effects.ts';
import { Ledger } from './ledger.ts';
import { startExec } from './main.ts';
import type { Postfix, QueueFile } from './postfix.ts';
import { realPostfix } from './real.ts';
import { silent, testAgent, testHub } from './rig.fixture.ts';
import { runTool, runToolOrThrow } from './tool.ts';

const lack = leftOut();
const users = ['thief', 'alice'].map((login) => ({ login, password: 'secret' }));

describe.skipIf(lack !== undefined)(
  `Postfix behind the port${lack === undefined ? '' : ` (left out: ${lack})`}`,
  () => {
    let folder: string;
    let long: LabPostfix;
    let short: LabPostfix;
    let postfix: Postfix;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'holdfast-real-'));
      await chmod(folder, 0o755);
      const lab = { users, realm: 'lab.test', deferTransports: true };
      [long, short] = await Promise.all([
        startPostfix({
          ...lab,
          directory: join(folder, 'l'),
          name: 'pfl',
          address: '127.0.0.16',
          extraMain: { hash_queue_depth: '2', hash_queue_names: 'deferred, hold' },
        }),
        startPostfix({ ...lab, directory: join(folder, 's'), name: 'pfs', address: '127.0.0.17', longQueueIds: false }),
      ]);
      postfix = await realPostfix([long, short]);
    });

    afterAll(async () => {
      await Promise.all([long?.stop(), short?.stop()]);
      await rm(folder, { recursive: true, force: true });
    });

    const all = async (instance: string): Promise<QueueFile[]> => {
      const files: QueueFile[] = [];
      for await (const file of postfix.scan(instance, ['incoming', 'active', 'deferred', 'hold'])) files.push(file);
      return files;
    };

    async function fill(relay: LabPostfix, login: string, count: number): Promise<string[]> {
      const session = await relay.openSession({ login, password: 'secret', localAddress: '127.66.0.1' });
      const ids: string[] = [];
      for (let n = 0; n < count; n++) {
        const raw = `Subject: ${n}\r\n\r\nsasl_username=alice\r\n`;
        ids.push(await session.send({ from: `${'f'.repeat(n * 20)}@b.test`, to: ['r@far.test'], raw }));
      }
      await session.close();
      return ids;
    }

    test('inspect and scan agree with the queue files, long and short IDs, whatever the hashing', async () => {
      for (const relay of [long, short]) {
        const before = Date.now();
        const ids = [...(await fill(relay, 'thief', 3)), ...(await fill(relay, 'alice', 2))];
        await sleep(300);
        await postfix.postsuper(relay.name, 'hold', ids.slice(0, 1));
        const truth = await readQueue(relay.queueDirectory);
        const scanned = await all(relay.name);
        expect(scanned.map((file) => file.queueId).sort()).toEqual([...truth.keys()].sort());
        for (const id of ids) {
          const file = await postfix.inspect(relay.name, id);
          const expected = truth.get(id);
          expect(file).toMatchObject({
            queue: expected?.queue,
            login: expected?.saslUsername,
            sender: expected?.sender,
            client: '127.66.0.1',
            logIdent: id,
            complete: true,
          });
          expect(Math.abs((file?.createdAtMicros ?? 0) / 1000 - before)).toBeLessThan(3000);
          expect(scanned).toContainEqual(file);
        }
      }
    });

    test('hostile IDs touch nothing: options, ALL, paths, line ends, NUL', async () => {
      const before = (await all('pfl')).map((file) => `${file.queueId} ${file.queue}`);
      for (const id of ['-r', '-', 'ALL', '../x', '../../etc/main.cf', 'AAAAAA\nALL', 'AAAAAA\0', ' ALL', '']) {
        expect(await postfix.inspect('pfl', id)).toBeUndefined();
        for (const act of ['hold', 'release', 'purge'] as const) {
          await expect(postfix.postsuper('pfl', act, [id])).rejects.toThrow('not a queue ID');
        }
      }
      expect((await all('pfl')).map((file) => `${file.queueId} ${file.queue}`)).toEqual(before);
    });

    test('a purge touches the hold queue only, and unknown IDs are not reported', async () => {
      const [outside, held] = await fill(long, 'thief', 2);
      if (outside === undefined || held === undefined) throw new Error('no mail');
      expect([...(await postfix.postsuper('pfl', 'hold', [held, 'ABCDEF0']))]).toEqual([held]);
      expect([...(await postfix.postsuper('pfl', 'purge', [outside, held]))]).toEqual([held]);
      expect(await postfix.inspect('pfl', outside)).toBeDefined();
      expect(await postfix.inspect('pfl', held)).toBeUndefined();
      expect(await postfix.inspect('elsewhere', outside)).toBeUndefined();
    });

    test('an ID that went on to another message between look and hold: let go at once, counted, never kept', async () => {
      const ledger = Ledger.open(join(folder, 'ledger'), silent);
      try {
        const effects = new Effects(postfix, ledger);
        const [innocent, spam] = [...(await fill(long, 'alice', 1)), ...(await fill(long, 'thief', 1))];
        const seen = await Promise.all([innocent, spam].map((id) => postfix.inspect('pfl', id ?? '')));
        const [first, second] = seen;
        if (first === undefined || second === undefined) throw new Error('no mail');
        // What exec saw under alice's ID was another message, a second ago.
        const stale = { ...first, login: 'thief', createdAtMicros: first.createdAtMicros - 1_000_000 };
        expect(await effects.act('standing', 'hold', 'pfl', [stale, second])).toEqual({ held: 1, mismatched: 1 });
        expect((await postfix.inspect('pfl', first.queueId))?.queue).not.toBe('hold');
        expect((await postfix.inspect('pfl', second.queueId))?.queue).toBe('hold');
        expect(ledger.openBatches()).toEqual([]);
      } finally {
        ledger.close();
      }
    });

    test('a link, a pipe or a folder in a queue directory is no message and blocks nothing', async () => {
      const hold = join(short.queueDirectory, 'hold');
      await symlink('/etc/passwd', join(hold, 'AAAAAA1'));
      await runToolOrThrow('mkfifo', [join(hold, 'AAAAAA2')]);
      await mkdir(join(hold, 'AAAAAA3'));
      await writeFile(join(hold, 'AAAAAA4'), 'A'.repeat(100), { mode: 0o700 });
      const found = (await all('pfs')).filter((file) => file.queueId.startsWith('AAAAAA'));
      expect(found).toMatchObject([{ queueId: 'AAAAAA4', sender: '' }]);
      expect(found[0]?.login).toBeUndefined();
      for (const name of await readdir(hold)) {
        if (name.startsWith('AAAAAA')) await rm(join(hold, name), { recursive: true });
      }
    });

    test('the map is updated in place: same inode, keys come and go, odd keys too', async () => {
      const file = `${mapPath(long.configDirectory)}.lmdb`;
      const inode = (await stat(file)).ino;
      const entries = new Map([
        ['thief', 'HOLD a b'],
        ['thief ', 'HOLD'],
        ['#hash', 'REJECT 5.7.1 no'],
        ['a"b\\c', 'HOLD'],
        ['two words', 'HOLD'],
        ['müller@lab.test', 'HOLD'],
      ]);
      await postfix.writeMap('pfl', entries);
      expect(await postfix.readMap('pfl')).toEqual(entries);
      await postfix.writeMap('pfl', new Map([['bob', 'HOLD']]));
      expect(await postfix.readMap('pfl')).toEqual(new Map([['bob', 'HOLD']]));
      await expect(postfix.writeMap('pfl', new Map([['a\nb', 'HOLD']]))).rejects.toThrow('no access map can hold');
      await expect(postfix.writeMap('pfl', new Map([['x'.repeat(600), 'HOLD']]))).rejects.toThrow('no access map');
      expect(await postfix.readMap('pfl')).toEqual(new Map([['bob', 'HOLD']]));
      await postfix.writeMap('pfl', new Map());
      expect((await stat(file)).ino).toBe(inode);
      expect((await stat(file)).uid).toBe(0);
    });

    test('a large map is one transaction: at no moment of its rewriting is a key absent', async () => {
      const many = (value: string) => new Map(Array.from({ length: 20_000 }, (_, n) => [`user${n}@lab.test`, value]));
      await postfix.writeMap('pfl', many('HOLD one'));
      const argv = ['-c', long.configDirectory, '-q', 'user19999@lab.test', `lmdb:${mapPath(long.configDirectory)}`];
      const answers: string[] = [];
      for (const value of ['HOLD two', 'HOLD three', 'HOLD four']) {
        let isWritten = false;
        const writing = postfix.writeMap('pfl', many(value)).finally(() => {
          isWritten = true;
        });
        while (!isWritten) answers.push((await runTool('postmap', argv)).stdout.trim());
        await writing;
        answers.push((await runTool('postmap', argv)).stdout.trim());
        expect(answers.at(-1)).toBe(value);
      }
      expect(answers.length).toBeGreaterThan(6);
      for (const answer of answers) expect(answer).toMatch(/^HOLD (one|two|three|four)$/);
      await postfix.writeMap('pfl', new Map());
    });

    test('a full disk: new orders are refused with the reason, what is in force stays and still holds mail', async () => {
      const state = join(folder, 'state');
      await mkdir(join(state, 'exec'), { recursive: true });
      await runToolOrThrow('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'holdfast-test', join(state, 'exec')]);
      const hub = testHub({
        socket: join(folder, 'exec.sock'),
        instances: [long, short].map(({ name, configDirectory }) => ({ name, configDirectory })),
      });
      const exec = await startExec({ config: hub.config, stateDirectory: state, postfix, log: silent });
      const agent = await testAgent(hub.config.socket);
      try {
        const [queued] = await fill(long, 'thief', 1);
        expect((await agent.order(await hub.desired([{}]))).state).toBe('done');
        expect((await postfix.inspect('pfl', queued ?? ''))?.queue).toBe('hold');
        const filler = join(state, 'exec', 'filler');
        await writeFile(filler, Buffer.alloc(65_536)).catch(() => undefined);
        // The page that the journal ends in has still room for a few.
        let refused = await agent.order(await hub.command('prove'));
        for (let n = 0; n < 10 && refused.state === 'done'; n++)
          refused = await agent.order(await hub.command('prove'));
        expect(refused).toMatchObject({
          state: 'busy',
          reason: expect.stringMatching(/^cannot be journaled: ENOSPC/),
        });
        // Mail that leaves hold behind exec's back is held again, journal or not.
        await postfix.postsuper('pfl', 'release', [queued ?? '']);
        agent.send({ id: 'h', hint: [['pfl', queued]] });
        await expect.poll(async () => (await postfix.inspect('pfl', queued ?? ''))?.queue).toBe('hold');
        await rm(filler);
        expect((await agent.order(await hub.command('hold'))).state).toBe('done');
      } finally {
        agent.close();
        await exec.close();
        await runToolOrThrow('umount', [join(state, 'exec')]);
      }
    });
  },
);
