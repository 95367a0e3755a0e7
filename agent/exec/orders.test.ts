import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SimulatedRelay } from '../../lab/simulated.ts';
import { startExec } from './main.ts';
import { maxLineBytes } from './protocol.ts';
import { silent, type TestAgent, type TestHub, testAgent, testHub } from './rig.fixture.ts';

const raw = 'Subject: x\r\n\r\nx\r\n';

describe('the order path, over the socket, on a simulated relay', () => {
  let folder: string;
  let relay: SimulatedRelay;
  let hub: TestHub;
  let exec: { close(): Promise<void> };
  let agent: TestAgent;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-orders-'));
    relay = new SimulatedRelay({
      name: 'sim',
      maillog: join(folder, 'mail.log'),
      users: [
        { login: 'thief', password: 'x' },
        { login: 'alice', password: 'x' },
      ],
      realm: 'lab.test',
    });
    await start({});
  });

  afterEach(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(over: Record<string, unknown>) {
    const socket = join(folder, 'exec.sock');
    hub = testHub({ socket, instances: [{ name: 'sim', configDirectory: '/unused' }], ...over });
    exec = await startExec({ config: hub.config, stateDirectory: folder, postfix: relay, log: silent });
    agent = await testAgent(socket);
  }

  async function stop() {
    agent.close();
    await exec.close();
  }

  async function restart(over: Record<string, unknown>) {
    await stop();
    await start(over);
  }

  async function send(login: string, count: number, localAddress = '127.66.0.1'): Promise<string[]> {
    const session = await relay.openSession({ login, password: 'x', localAddress });
    const ids: string[] = [];
    for (let n = 0; n < count; n++) ids.push(await session.send({ from: 'a@b.test', to: ['r@far.test'], raw }));
    await session.close();
    return ids;
  }
  const queueOf = async (id: string | undefined) => (await relay.inspect('sim', id ?? ''))?.queue;
  const everything = { include: [], exclude: [] };

  const payloadOf = (jws: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString());
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  test('unsigned, altered, foreign and expired orders are refused in one line and leave no trace', async () => {
    const [id] = await send('thief', 1);
    const good = await hub.command('hold', { selection: everything });
    const [head, body, signature] = good.split('.');
    const otherHub = testHub({ socket: '/x', instances: [{ name: 'sim', configDirectory: '/x' }] });
    const cases: [string, RegExp][] = [
      ['', /^unsigned/],
      [`${head}.${body}`, /^unsigned/],
      [`${head}.${body}.`, /^unsigned/],
      [`${part({ alg: 'none', kid: 'hub-1' })}.${body}.`, /^unsigned/],
      [`${part({ alg: 'none', kid: 'hub-1' })}.${body}.${signature}`, /^header must be/],
      [`${part({ alg: 'HS256', kid: 'hub-1' })}.${body}.${signature}`, /^header must be/],
      [`${part({ alg: 'ES256', kid: 'hub-2' })}.${body}.${signature}`, /^unknown key "hub-2"/],
      [`${part({ alg: 'ES256', kid: 'hub-1', jwk: {} })}.${body}.${signature}`, /^header must be/],
      [`${head}.${part({ ...payloadOf(good), account: 'alice@lab.test' })}.${signature}`, /^signature does not hold/],
      [await otherHub.command('hold'), /^signature does not hold/],
      [await hub.command('hold', { relay: 'r2' }), /^addressed to relay r2/],
      [await hub.command('hold', { notAfter: Date.now() - 1000 }), /^expired [1-9] s ago, by hub time/],
      [await hub.sign({ ...payloadOf(good), act: 'rm' }), /^not an order: act/],
      [await hub.sign({ ...payloadOf(good), extra: 1 }), /^not an order: : Unrecognized key/],
      [await hub.sign('hold'), /^not an order/],
      [await hub.command('hold', { account: undefined }), /^hold without an account/],
      [await hub.command('hold', { account: 'Thief@lab.test' }), /not in canonical form/],
      [await hub.command('purge'), /must say what it selects/],
      [await hub.command('purge', { selection: everything }), /^purge is not allowed on this relay/],
    ];
    for (const [jws, reason] of cases) {
      const answer = await agent.order(jws);
      expect(['refused', 'expired'], String(reason)).toContain(answer.state);
      expect(answer.reason).toMatch(reason);
      expect(answer.reason).not.toContain('\n');
    }
    expect(await queueOf(id)).not.toBe('hold');
    expect(await readFile(join(folder, 'exec', 'journal.ndjson'), 'utf8')).toBe('');
    expect(await agent.order(good)).toMatchObject({ state: 'done', counts: { held: 1 } });
  });

  test('a replayed order gets its first answer and does nothing; its second valid signature does not help', async () => {
    const jws = await hub.command('hold', { selection: everything });
    await send('thief', 2);
    const first = await agent.order(jws);
    expect(first.counts).toEqual({ held: 2 });
    const [later] = await send('thief', 1);
    expect(await agent.order(jws)).toMatchObject({ state: 'done', counts: { held: 2 } });
    // ECDSA: (r, n - s) verifies as well as (r, s).
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const signature = Buffer.from(jws.slice(jws.lastIndexOf('.') + 1), 'base64url');
    const s = n - BigInt(`0x${signature.toString('hex', 32)}`);
    const mirrored = Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    const twin = `${jws.slice(0, jws.lastIndexOf('.'))}.${mirrored.toString('base64url')}`;
    expect(await agent.order(twin)).toMatchObject({ state: 'done', counts: { held: 2 } });
    expect(await queueOf(later)).not.toBe('hold');
    agent.send({ ack: agent.responses.find((each) => each.state === 'done')?.id });
    expect(await agent.order(jws)).toMatchObject({ state: 'done', counts: { held: 2 } });
  });

  test('numbers per account and generations only rise, also across a restart', async () => {
    const number = Date.now() + 1000;
    expect((await agent.order(await hub.command('hold', { number }))).state).toBe('done');
    expect((await agent.order(await hub.command('hold', { number }))).reason).toMatch(/is not above/);
    expect((await agent.order(await hub.command('hold', { number: number - 1 }))).reason).toMatch(/is not above/);
    expect((await agent.order(await hub.command('hold', { number: 5, account: 'alice@lab.test' }))).state).toBe('done');
    const generation = Date.now() + 5000;
    const desired = await hub.desired([{}], { generation });
    expect((await agent.order(desired)).state).toBe('done');
    for (const stale of [generation, generation - 1]) {
      const answer = await agent.order(await hub.desired([], { generation: stale }));
      expect(answer.state).toBe('refused');
      expect(answer.reason).toMatch(/known with other content|is older than/);
    }
    agent.close();
    await exec.close();
    exec = await startExec({ config: hub.config, stateDirectory: folder, postfix: relay, log: silent });
    agent = await testAgent(hub.config.socket);
    expect((await agent.order(await hub.command('hold', { number }))).reason).toMatch(/is not above/);
    expect((await agent.order(await hub.desired([], { generation: generation - 1 }))).reason).toMatch(/is older/);
    expect((await agent.order(desired)).state).toBe('done');
  });

  test('an order stays expired though the relay’s wall clock says otherwise', async () => {
    await agent.order(
      await hub.command('prove', { issuedAt: Date.now() + 7_200_000, notAfter: Date.now() + 8_000_000 }),
    );
    const answer = await agent.order(await hub.command('hold', { notAfter: Date.now() + 3_600_000 }));
    expect(answer).toMatchObject({ state: 'expired' });
  });

  test('pieces of a generation apply only when all are there; each answers for its own entries', async () => {
    const [thief] = await send('thief', 1);
    const [alice] = await send('alice', 1);
    const generation = Date.now() + 1000;
    const first = agent.order(await hub.desired([{}], { generation, piece: { index: 0, count: 2 } }));
    expect((await agent.order(await hub.desired([], { generation, piece: { index: 1, count: 3 } }))).reason).toMatch(
      /known with other content/,
    );
    expect(await queueOf(thief)).not.toBe('hold');
    const second = agent.order(
      await hub.desired([{ account: 'alice@lab.test', logins: [] }], { generation, piece: { index: 1, count: 2 } }),
    );
    expect((await first).proofs).toMatchObject([{ account: 'thief@lab.test', verified: true, held: 1 }]);
    expect((await second).proofs).toMatchObject([{ account: 'alice@lab.test', verified: true, held: 1 }]);
    expect([await queueOf(thief), await queueOf(alice)]).toEqual(['hold', 'hold']);
  });

  test('a generation whose pieces never came is superseded by the next', async () => {
    const lost = agent.order(await hub.desired([{}], { piece: { index: 0, count: 2 } }));
    await agent.order(await hub.desired([]));
    expect(await lost).toMatchObject({ state: 'expired', reason: expect.stringMatching(/^superseded by generation/) });
  });

  test('exec’s own limits: protected accounts, messages per command, commands per hour', async () => {
    await restart({
      allowPurge: true,
      protectedAccounts: ['Alice'],
      limits: { messagesPerCommand: 3, commandsPerHour: 3 },
    });
    await send('alice', 1);
    const answer = await agent.order(await hub.desired([{ account: 'alice@lab.test', logins: ['alice'] }]));
    expect(answer.proofs).toMatchObject([{ verified: false, note: 'protected on this relay' }]);
    expect([...(await relay.readMap('sim'))]).toEqual([]);
    const protectedHold = await agent.order(await hub.command('hold', { account: 'alice@lab.test' }));
    expect(protectedHold.reason).toMatch(/is protected/);
    await send('thief', 5);
    expect((await agent.order(await hub.command('hold'))).state).toBe('failed');
    await agent.order(await hub.command('hold'));
    const purge = await agent.order(await hub.command('purge', { selection: everything }));
    expect(purge).toMatchObject({ state: 'failed', counts: { purged: 3 } });
    expect(purge.reason).toMatch(/limit of 3 messages per command/);
    expect((await agent.order(await hub.command('prove'))).reason).toMatch(/over 3 commands within an hour/);
  });

  test('a later release overtakes a purge of the same account; other accounts do not wait', async () => {
    await restart({ allowPurge: true });
    await send('thief', 4100);
    await agent.order(await hub.desired([{}]));
    const purging = agent.order(await hub.command('purge', { selection: everything }));
    const releasing = agent.order(await hub.command('release', { selection: everything }));
    const other = agent.order(await hub.command('prove', { account: 'alice@lab.test' }));
    const purge = await purging;
    expect(purge).toMatchObject({ state: 'failed', reason: expect.stringMatching(/a later order/) });
    expect((await releasing).counts?.released).toBe(4100 - (purge.counts?.purged ?? 0));
    expect((await other).state).toBe('done');
  });

  test('a purge that comes with its containment waits until all is held, and leaves nothing behind', async () => {
    await restart({ allowPurge: true });
    await send('thief', 600);
    const generation = Date.now() + 1000;
    const over = { requiresGeneration: generation, selection: everything };
    const purge = await hub.command('purge', over);
    const purging = agent.order(purge);
    await agent.order(await hub.desired([{}], { generation }));
    expect(await purging).toMatchObject({ state: 'done', counts: { purged: 600 }, proofs: [{ verified: true }] });
  });

  test('final answers are repeated on each new connection until they are acknowledged', async () => {
    await agent.order(await hub.command('prove'));
    const id = agent.responses.at(-1)?.id;
    const again = await testAgent(hub.config.socket);
    expect(await again.response((each) => each.id === id)).toMatchObject({ state: 'done' });
    again.send({ ack: id });
    again.send({ id: 'status', status: true });
    await again.response((each) => each.id === 'status');
    again.close();
    const third = await testAgent(hub.config.socket);
    third.send({ id: 'status', status: true });
    await third.response((each) => each.id === 'status');
    expect(third.responses).toHaveLength(1);
    third.close();
  });

  test('lines that are no request get a reason; one over the bound ends the connection, and others live on', async () => {
    agent.send('text');
    agent.send({ id: 'x', jws: 5 });
    agent.send({ id: 'y', hint: [['sim', 'A'.repeat(33)]] });
    expect((await agent.response((each) => each.id === 'x')).reason).toMatch(/^not a request/);
    expect((await agent.response((each) => each.id === 'y')).reason).toMatch(/^not a request/);
    const socket = connect(hub.config.socket);
    const said = await new Promise<string>((resolve) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += String(chunk);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(text));
      socket.write('x'.repeat(maxLineBytes + 100));
    });
    expect(said).toMatch(/longer than 262144 bytes/);
    expect((await agent.order(await hub.command('prove'))).state).toBe('done');
  });

  test('hints hold new mail of contained accounts at once, and no other mail, whatever login they claim', async () => {
    await agent.order(await hub.desired([{ mode: 'quarantine', logins: [] }]));
    const [alice] = await send('alice', 1);
    // The map is wiped behind exec's back, so only the hint can tell.
    await relay.writeMap('sim', new Map());
    const [thief] = await send('thief', 1);
    expect(await queueOf(thief)).not.toBe('hold');
    agent.send({ id: 'none', hint: [['nowhere', thief]] });
    agent.send({
      id: 'h',
      hint: [
        ['sim', alice],
        ['sim', thief],
        ['nowhere', thief],
        ['sim', '-r'],
        ['sim', 'ALL'],
        ['sim', '../x'],
        ['sim', 'AAAAAA\nBBBBBB'],
        ['sim', 'AAAAAA\0'],
      ],
      login: 'alice',
    });
    await expect.poll(() => queueOf(thief)).toBe('hold');
    expect(await queueOf(alice)).not.toBe('hold');
    expect((await relay.readMap('sim')).has('alice')).toBe(false);
  });
});
