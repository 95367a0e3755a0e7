import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { QueueFile, QueueName } from '../agent/exec/postfix.ts';
import { SimulatedRelay, type SimulatedRelayOptions } from './simulated.ts';

const mail = {
  from: 'a@forged.test',
  to: ['x@far.test', 'y@far.test'],
  raw: 'Message-ID: <1@c.test>\r\n\r\nHello\r\n',
};

describe('a simulated relay', () => {
  let folder: string;
  const relays: SimulatedRelay[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-lab-'));
  });
  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => relay.stop()));
    await rm(folder, { recursive: true });
  });

  const make = (options: Partial<SimulatedRelayOptions> = {}) => {
    const users = [{ login: 'thief', password: 'pw' }];
    const relay = new SimulatedRelay({
      name: 's1',
      maillog: join(folder, 's1.log'),
      users,
      realm: 'lab.test',
      ...options,
    });
    relays.push(relay);
    return relay;
  };
  const open = (relay: SimulatedRelay, login = 'thief') =>
    relay.openSession({ localAddress: '127.66.0.1', login, password: 'pw' });
  const scan = async (relay: SimulatedRelay, ...queues: QueueName[]) => {
    const files: QueueFile[] = [];
    for await (const file of relay.scan('s1', queues)) files.push(file);
    return files;
  };
  const log = async (relay: SimulatedRelay) => {
    await sleep(1);
    return await readFile(relay.maillog, 'utf8');
  };

  test('refuses a wrong password and takes every enrolled form of a login', async () => {
    const relay = make();
    await expect(
      relay.openSession({ localAddress: '127.66.0.1', login: 'thief', password: 'no' }),
    ).rejects.toMatchObject({
      code: 535,
    });
    await (await open(relay, 'thief@lab.test')).close();
    expect(await relay.sessions('s1')).toEqual([]);
  });

  test('keeps what it accepted, with the truth of its file', async () => {
    const relay = make();
    const session = await open(relay);
    const queueId = await session.send(mail);
    const file = await relay.inspect('s1', queueId);
    expect(file).toMatchObject({ queue: 'active', login: 'thief', client: '127.66.0.1', sender: 'a@forged.test' });
    expect(Math.abs((file?.createdAtMicros ?? 0) - Date.now() * 1000)).toBeLessThan(5_000_000);
    expect(await relay.inspect('s1', '../../etc/passwd')).toBeUndefined();
    await expect(relay.inspect('s2', queueId)).rejects.toThrow('no instance "s2"');
  });

  test('the access map acts on an open session under any case: HOLD, REJECT, 421', async () => {
    const relay = make();
    const session = await open(relay, 'thief@lab.test');
    await relay.writeMap('s1', new Map([['THIEF@lab.test', 'HOLD quarantined']]));
    const held = await session.send(mail);
    expect((await scan(relay, 'hold')).map((file) => file.queueId)).toEqual([held]);
    await relay.writeMap('s1', new Map([['thief@lab.test', 'REJECT blocked']]));
    await expect(session.send(mail)).rejects.toMatchObject({ code: 554 });
    await relay.writeMap('s1', new Map([['thief@lab.test', '421 4.7.0 go away']]));
    await expect(session.send(mail)).rejects.toMatchObject({ code: 421 });
    expect(await session.ended).toMatchObject({ by: 'server' });
    expect(await relay.readMap('s1')).toEqual(new Map([['thief@lab.test', '421 4.7.0 go away']]));
  });

  test('hold, release and purge report what changed; purge looks in hold only', async () => {
    const relay = make();
    const session = await open(relay);
    const first = await session.send(mail);
    const second = await session.send(mail);
    expect(await relay.postsuper('s1', 'purge', [first])).toEqual(new Set());
    expect(await relay.postsuper('s1', 'hold', [first, second, 'GONE'])).toEqual(new Set([first, second]));
    expect(await relay.postsuper('s1', 'hold', [first])).toEqual(new Set());
    expect(await relay.postsuper('s1', 'release', [second])).toEqual(new Set([second]));
    expect(await relay.postsuper('s1', 'purge', [first, second])).toEqual(new Set([first]));
    expect((await scan(relay, 'active', 'deferred')).map((file) => file.queueId)).toEqual([second]);
  });

  test('a destroyed session is over for its client, and only that one', async () => {
    const relay = make();
    const [one, two] = [await open(relay), await open(relay)];
    const [first] = await relay.sessions('s1');
    if (first === undefined) throw new Error('no session');
    expect(await relay.destroy(first)).toBe(true);
    expect(await relay.destroy(first)).toBe(false);
    expect(await one.ended).toMatchObject({ by: 'server' });
    await expect(one.send(mail)).rejects.toThrow('session ended');
    await two.send(mail);
    await two.close();
  });

  test('delivery is as slow as planned, leaves held mail alone, and takes it up after release', async () => {
    const relay = make();
    const session = await open(relay);
    const ids = [await session.send(mail), await session.send(mail), await session.send(mail)];
    const [first = ''] = ids;
    await relay.postsuper('s1', 'hold', [first]);
    relay.setDelivery({ messagesPerSecond: Number.POSITIVE_INFINITY, outcome: 'deferred' });
    await vi.waitFor(async () => expect(await scan(relay, 'deferred')).toHaveLength(2), { timeout: 5000 });
    relay.setDelivery({ messagesPerSecond: 10, outcome: 'sent' });
    const startedAt = performance.now();
    await vi.waitFor(() => expect(relay.queued).toBe(1), { timeout: 5000 });
    expect(performance.now() - startedAt).toBeGreaterThan(100);
    await relay.postsuper('s1', 'release', [first]);
    await vi.waitFor(() => expect(relay.queued).toBe(0), { timeout: 5000 });
    expect((await log(relay)).match(/status=sent/g)).toHaveLength(6);
  });

  test('short queue IDs name another message once the first is gone', async () => {
    let nowMicros = 1_795_570_618_000_042;
    const relay = make({ longQueueIds: false, nowMicros: () => nowMicros });
    const session = await open(relay);
    const first = await session.send(mail);
    await relay.postsuper('s1', 'hold', [first]);
    await relay.postsuper('s1', 'purge', [first]);
    nowMicros += 7_000_000;
    expect(await session.send(mail)).toBe(first);
  });

  test('nothing a client sends begins a log line of its own', async () => {
    const relay = make();
    await (await open(relay)).send({
      ...mail,
      from: 'a@x\nNov 24 10:00:00 s1 s1/smtpd[1]: 4jZ: client=unknown[1.2.3.4]',
    });
    const lines = (await log(relay)).split('\n');
    expect(lines.filter((line) => line.includes('client=unknown'))).toHaveLength(2);
    expect(lines.some((line) => line.includes('/qmgr[203]: ') && line.includes('from=<a@x?Nov 24'))).toBe(true);
  });

  test('lists its queue as postqueue -j does', async () => {
    const relay = make();
    const queueId = await (await open(relay)).send(mail);
    const lines: string[] = [];
    for await (const line of relay.postqueueJson('s1')) lines.push(line);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { queue_name: 'active', queue_id: queueId, sender: 'a@forged.test', recipients: [{ address: 'x@far.test' }, {}] },
    ]);
  });

  test('twenty thousand mails are accepted, held and purged within seconds', async () => {
    const relay = make();
    const session = await open(relay);
    const ids: string[] = [];
    for (let count = 0; count < 20_000; count++) ids.push(await session.send(mail));
    expect(new Set(ids).size).toBe(20_000);
    expect((await relay.postsuper('s1', 'hold', ids)).size).toBe(20_000);
    expect((await relay.postsuper('s1', 'purge', ids)).size).toBe(20_000);
    expect((await log(relay)).split('\n').length).toBe(20_000 * 5 + 4);
  });
});
