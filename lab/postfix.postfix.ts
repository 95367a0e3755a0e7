import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LabPostfix, startAllPostfix } from './postfix.ts';
import { readQueue } from './queue-truth.ts';
import { openRaw } from './raw-smtp.ts';
import { leftOut } from './real-parts.ts';
import { mustRun, run } from './run.ts';
import { type Sink, startSink } from './sink.ts';

const users = [
  { login: 'alice', password: 'secret' },
  { login: 'Thief@lab.test', password: 'secret' },
];
const raw = 'Subject: hello\r\nMessage-ID: <one@client.test>\r\n\r\nHello\r\n';

const lack = leftOut();

describe.skipIf(lack !== undefined)(`throwaway Postfix${lack === undefined ? '' : ` (left out: ${lack})`}`, () => {
  let folder: string;
  let relays: LabPostfix[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-lab-'));
    await chmod(folder, 0o755);
    const common = { users, realm: 'lab.test', deferTransports: true };
    relays = await startAllPostfix([
      { ...common, directory: join(folder, 'r1'), name: 'r1', address: '127.0.0.11' },
      { ...common, directory: join(folder, 'r2'), name: 'r2', address: '127.0.0.12', longQueueIds: false },
    ]);
  });

  afterAll(async () => {
    await Promise.all(relays.map((relay) => relay.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  const relay = (index: number): LabPostfix => {
    const found = relays[index];
    if (found === undefined) throw new Error(`relay ${index} did not start`);
    return found;
  };
  const log = (index: number) => readFile(relay(index).maillog, 'utf8');
  const session = (index: number, login = 'alice') =>
    relay(index).openSession({ localAddress: '127.66.0.9', login, password: 'secret' });

  test('instances run side by side; the client gets the queue ID, long or short, and the log names login, address and port', async () => {
    for (const index of [0, 1]) {
      const one = await session(index);
      const queueId = await one.send({ from: 'a@forged.test', to: ['x@far.test', 'y@far.test'], raw });
      expect(queueId).toMatch(index === 0 ? /^[0-9B-Zb-z]{12,}$/ : /^[0-9A-F]{6,}$/);
      await one.close();
      expect(await one.ended).toMatchObject({ by: 'client' });
      const expected = `${queueId}: client=unknown[127.66.0.9]:${one.localPort}, sasl_method=PLAIN, sasl_username=alice`;
      expect(await log(index)).toContain(expected);
    }
  });

  test('a login works under every form that was enrolled, and a wrong password is told by its code', async () => {
    for (const login of ['alice@lab.test', 'Thief@lab.test']) await (await session(0, login)).close();
    const wrong = relay(0).openSession({ localAddress: '127.66.0.9', login: 'alice', password: 'wrong' });
    await expect(wrong).rejects.toMatchObject({ code: 535 });
  });

  test('the access map acts on an open session: HOLD, then REJECT, then 421 ends it', async () => {
    const { configDirectory, queueDirectory } = relay(0);
    const map = join(configDirectory, 'holdfast', 'sasl_access');
    const set = async (line: string) => {
      await writeFile(map, line);
      await mustRun('postmap', ['-c', configDirectory, `lmdb:${map}`]);
    };
    const one = await session(0);
    const mail = { from: 'b@forged.test', to: ['x@far.test'], raw };
    await set('alice HOLD contained\n');
    const held = await one.send(mail);
    await sleep(100);
    expect((await readQueue(queueDirectory)).get(held)).toMatchObject({ queue: 'hold', saslUsername: 'alice' });
    await set('alice REJECT blocked\n');
    for (const _ of [1, 2]) await expect(one.send(mail)).rejects.toMatchObject({ code: 554 });
    await set('alice 421 4.7.0 go away\n');
    await expect(one.send({ ...mail, to: ['x@far.test', 'y@far.test'] })).rejects.toMatchObject({ code: 421 });
    expect(await one.ended).toEqual({ by: 'server', reason: expect.stringMatching(/^421 4.7.0 .*go away/) });
    await expect(one.send(mail)).rejects.toMatchObject({ code: 421 });
    await set('');
  });

  test('reading the queue files tells the same as postcat', async () => {
    const { configDirectory, queueDirectory } = relay(0);
    const files = [...(await readQueue(queueDirectory)).values()];
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) {
      const args = ['-c', configDirectory, '-e', file.path];
      const words = (await mustRun('postcat', args)).stdout.split('\n');
      const value = (label: string) => words.find((line) => line.startsWith(label))?.slice(label.length);
      expect(value('named_attribute: sasl_username=')).toBe(file.saslUsername);
      expect(value('named_attribute: client_address=')).toBe(file.clientAddress);
      expect(value('named_attribute: log_ident=')).toBe(file.queueId);
      expect(value('sender: ')).toBe(file.sender);
      const recipients = words.filter((line) => line.startsWith('recipient: ')).map((line) => line.slice(11));
      expect(recipients).toEqual(file.recipients);
    }
  });

  test('a message in DATA shows as incomplete, and its hash is new once it is whole', async () => {
    const client = await openRaw({ ...relay(0), localAddress: '127.66.0.10' });
    expect(client.greeting.code).toBe(220);
    await client.command('EHLO bytes.test');
    const login = Buffer.from('\0alice\0secret').toString('base64');
    expect(await client.command(`AUTH PLAIN ${login}`)).toMatchObject({ code: 235 });
    await client.command('MAIL FROM:<slow@forged.test> AUTH=x');
    await client.command('RCPT TO:<x@far.test>');
    expect(await client.command('DATA')).toMatchObject({ code: 354 });
    await sleep(100);
    const before = [...(await readQueue(relay(0).queueDirectory)).values()].find((file) => !file.complete);
    expect(before?.queue).toBe('incoming');
    client.write('Subject: slow\r\n\r\nx\r\n.\r\n');
    expect((await client.reply()).text).toContain(`queued as ${before?.queueId}`);
    const after = (await readQueue(relay(0).queueDirectory)).get(before?.queueId ?? '');
    expect(after).toMatchObject({ complete: true, sender: 'slow@forged.test' });
    expect(after?.sha256).not.toBe(before?.sha256);
    client.close();
    await client.ended;
  });

  test('what was deferred flows to the next hop once it may', async () => {
    const sink: Sink = await startSink({ behaviour: 'normal' });
    try {
      await relay(1).configure({ defer_transports: '', relayhost: sink.nextHop });
      await mustRun('postqueue', ['-c', relay(1).configDirectory, '-f']);
      for (let tries = 0; (await readQueue(relay(1).queueDirectory)).size > 0 && tries < 100; tries++) await sleep(100);
      expect((await readQueue(relay(1).queueDirectory)).size).toBe(0);
      expect(await log(1)).toMatch(/status=sent \(250 /);
    } finally {
      await sink.stop();
    }
  });

  test('a refusing next hop defers, a slow one keeps mail active', async () => {
    for (const behaviour of ['refusing', 'slow'] as const) {
      const sink = await startSink({ behaviour, secondsPerMessage: 3 });
      try {
        await relay(1).configure({ relayhost: sink.nextHop });
        const one = await session(1);
        const queueId = await one.send({ from: 'c@forged.test', to: ['z@far.test'], raw });
        const wanted = behaviour === 'slow' ? 'active' : 'deferred';
        const queue = async () => (await readQueue(relay(1).queueDirectory)).get(queueId)?.queue;
        for (let tries = 0; (await queue()) !== wanted && tries < 50; tries++) await sleep(50);
        expect(await queue()).toBe(wanted);
        await one.close();
      } finally {
        await sink.stop();
      }
    }
  });

  test('one that cannot start says why, and those beside it are stopped again', async () => {
    const common = { users: [], realm: 'lab.test' };
    const good = { ...common, directory: join(folder, 'good'), name: 'good', address: '127.0.0.13' };
    const taken = { address: relay(0).host, port: relay(0).port };
    const bad = { ...common, directory: join(folder, 'bad'), name: 'bad', ...taken };
    await expect(startAllPostfix([good, bad])).rejects.toThrow(`postfix bad: ${taken.address}:${taken.port} is taken`);
    const status = await run('postfix', ['-c', join(folder, 'good', 'etc'), 'status']);
    expect(status.code).not.toBe(0);
  });

  test('stopped and started again it has its queue still; stopping twice is nothing', async () => {
    const before = await readQueue(relay(0).queueDirectory);
    await relay(0).stop();
    await relay(0).stop();
    await expect(session(0)).rejects.toThrow(/ECONNREFUSED/);
    await relay(0).start();
    await (await session(0)).close();
    expect([...(await readQueue(relay(0).queueDirectory)).keys()].sort()).toEqual([...before.keys()].sort());
  });
});
