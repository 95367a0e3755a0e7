import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { hubConfig } from '../hub/config.ts';
import { startHub } from '../hub/main.ts';
import type { Finding } from '../shared/decide/finding.ts';
import type { Order } from '../shared/wire/orders.ts';
import { eventually, silent, startTestHub, submission, TestRelay } from './hub-fixture.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function hubWithRelay(): Promise<{ testHub: Awaited<ReturnType<typeof startTestHub>>; relay: TestRelay }> {
  const testHub = await startTestHub();
  closers.push(testHub.close);
  const relay = new TestRelay(await testHub.api.enrol('mx1'));
  closers.push(() => relay.close());
  return { testHub, relay };
}

/** Forty messages of one login under ten senders. */
function burst(login: string, from = 0): string[] {
  const now = Date.now();
  return Array.from({ length: 40 }, (_, index) =>
    submission(
      new Date(now + index),
      `4${(from + index).toString(16).padStart(9, '0').toUpperCase()}`,
      login,
      `s${index % 10}@forged.test`,
    ),
  ).flat();
}

const isDesired = (each: Order): boolean => each.kind === 'desired';
const isAct = (act: string) => (each: Order) => each.kind === 'command' && each.act === act;

test('a burst in the log opens a finding, and the relay gets its desired state and a kick, signed', async () => {
  const { testHub, relay } = await hubWithRelay();
  await relay.sendEvents(relay.pack(burst('Thief')));
  const orders = await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('kick')));
  const desired = orders.find((each) => each.kind === 'desired');
  expect(desired?.entries).toMatchObject([{ account: 'thief@example.org', mode: 'quarantine', logins: ['Thief'] }]);
  const [finding] = await testHub.api.findings(1);
  expect(finding).toMatchObject({
    account: 'thief@example.org',
    state: 'open',
    rule: 'sender-rotation',
    relays: ['mx1'],
  });
  expect(finding?.messagesBeforeOpen).toBe(40);
});

test('I2: the same pack twice, and its lines packed otherwise, open nothing more and send nothing more', async () => {
  const { testHub, relay } = await hubWithRelay();
  const lines = burst('thief');
  const pack = relay.pack(lines);
  await relay.sendEvents(pack);
  const first = await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('kick')));
  expect(first).toHaveLength(2);
  await relay.sendEvents(pack);
  await relay.sendEvents(relay.pack(lines.slice(0, 50)));
  await relay.sendEvents(relay.pack(lines.slice(20).reverse()));
  expect(await relay.orders(2)).toEqual([]);
  expect(await testHub.api.findings(1)).toHaveLength(1);
});

test('I9: a relay cannot speak for another one', async () => {
  const { testHub, relay } = await hubWithRelay();
  const other = new TestRelay(await testHub.api.enrol('mx2'));
  closers.push(() => other.close());
  await relay.sendEvents(relay.pack(burst('alice'), 'mx2'));
  await relay.sendEvents(relay.pack(burst('bob')));
  await eventually(async () => ((await testHub.api.findings(1)).length > 0 ? true : undefined));
  expect((await testHub.api.findings(1)).map(({ account }) => account)).toEqual(['bob@example.org']);
});

test('a key is rotated without a gap: both work until the rotation is finished, then the new one alone', async () => {
  const { testHub } = await hubWithRelay();
  const enrolled = await testHub.api.enrol('mx2');
  const old = new TestRelay(enrolled);
  const key = await testHub.api.rotate('mx2');
  const renewed = new TestRelay({ ...enrolled, access: { ...enrolled.access, key } });
  closers.push(
    async () => old.close(),
    async () => renewed.close(),
  );
  for (const each of [old, renewed]) await each.sendEvents(each.pack([]));
  await expect(testHub.api.rotate('mx2')).rejects.toThrow(/two keys already: finish the rotation first/);
  await testHub.api.finishRotation('mx2');
  await expect(old.sendEvents('x')).rejects.toThrow('There is no such access key here.');
  await renewed.sendEvents(renewed.pack(burst('bob')));
  await eventually(async () => ((await testHub.api.findings(1)).length === 1 ? true : undefined));
});

test('I8: a malformed message is set aside and the rest of its batch is processed', async () => {
  const { testHub, relay } = await hubWithRelay();
  await relay.sendEvents('{"v":1,"kind":"lines","relay":"mx1"}');
  await relay.sendEvents('not even JSON');
  await relay.sendEvents(relay.pack(burst('bob')));
  const [finding] = await eventually(async () => {
    const findings = await testHub.api.findings(1);
    return findings.length > 0 ? findings : undefined;
  });
  expect(finding?.account).toBe('bob@example.org');
});

test('approve purges the selection, releases the rest, and keeps the released from being held again', async () => {
  const { testHub, relay } = await hubWithRelay();
  await relay.sendEvents(relay.pack(burst('thief')));
  await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('kick')));
  const [finding] = await testHub.api.findings(1);
  const purge = [{ client: '192.0.2.0/24' }];
  expect((await testHub.api.approve(finding?.id ?? '', purge, [])).state).toBe('confirmed');
  const orders = await relay.ordersUntil((all) => all.some(isAct('purge')) && all.some(isAct('release')));
  expect(orders.find(isAct('purge'))).toMatchObject({
    account: 'thief@example.org',
    selection: { include: purge, exclude: [] },
  });
  expect(orders.find(isAct('release'))).toMatchObject({ selection: { include: [], exclude: purge } });
  const desired = orders.find((each) => each.kind === 'desired');
  expect(desired?.entries[0]?.released).toMatchObject([{ selection: { include: [], exclude: purge } }]);
  const release = orders.find(isAct('release'));
  expect(release?.kind === 'command' && release.requiresGeneration).toBe(desired?.generation);
});

test('undo lifts the containment, releases everything, and what was counted before does not count again', async () => {
  const { testHub, relay } = await hubWithRelay();
  const lines = burst('thief');
  await relay.sendEvents(relay.pack(lines));
  await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('kick')));
  const [finding] = await testHub.api.findings(1);
  expect((await testHub.api.undo(finding?.id ?? '')).state).toBe('undone');
  const orders = await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('release')));
  expect(orders.find((each) => each.kind === 'desired')?.entries).toEqual([]);
  await relay.sendEvents(relay.pack(lines.slice(3)));
  expect(await relay.orders(2)).toEqual([]);
  const findings: Finding[] = await testHub.api.findings(1);
  expect(findings.map(({ state }) => state)).toEqual(['undone']);
  await expect(testHub.api.approve(finding?.id ?? '', [], [])).rejects.toThrow(/is undone: it cannot be approved/);
});

test('what relays release after an undo stands in its history', async () => {
  const { testHub, relay } = await hubWithRelay();
  await relay.sendEvents(relay.pack(burst('thief')));
  await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('kick')));
  const [finding] = await testHub.api.findings(1);
  await testHub.api.undo(finding?.id ?? '');
  const orders = await relay.ordersUntil((all) => all.some(isAct('release')));
  const id = orders.find(isAct('release'))?.jti;
  await relay.report({ kind: 'result', id, state: 'done', counts: { released: 40 }, proofs: [], at: Date.now() });
  const told = await eventually(async () =>
    (await testHub.api.findings(1))[0]?.history.find(({ what }) => what === 'released'),
  );
  expect(told).toMatchObject({ actor: 'relay:mx1', detail: 'done: 40 released' });
});

test('one selection cannot be both purged and released', async () => {
  const { testHub, relay } = await hubWithRelay();
  await relay.sendEvents(relay.pack(burst('thief')));
  const finding = await eventually(async () => (await testHub.api.findings(1))[0]);
  const term = [{ client: '192.0.2.0/24' }];
  await expect(testHub.api.approve(finding.id, term, term)).rejects.toThrow(/both to purge and to release/);
});

test('a second hub on the same state does not start, and the first one works on', async () => {
  const { testHub } = await hubWithRelay();
  const config = hubConfig.parse({ sqsPort: 0, apiPort: 0 });
  const second = startHub({ config, stateDirectory: testHub.stateDirectory, log: silent });
  await expect(second).rejects.toThrow(/another hub is running on it/);
  expect(await testHub.api.relays()).toHaveLength(1);
});

test('a hub whose port is taken does not start, and leaves nothing running', async () => {
  const { testHub } = await hubWithRelay();
  const stateDirectory = await mkdtemp(join(tmpdir(), 'holdfast-hub-'));
  closers.push(() => rm(stateDirectory, { recursive: true }));
  const config = hubConfig.parse({ sqsPort: 0, apiPort: Number(new URL(testHub.hub.apiUrl).port) });
  await expect(startHub({ config, stateDirectory, log: silent })).rejects.toThrow(/EADDRINUSE/);
  const hub = await startHub({ config: { ...config, apiPort: 0 }, stateDirectory, log: silent });
  await hub.close();
});

test('a heartbeat whose digest differs brings the desired state again, and one that agrees does not', async () => {
  const { testHub, relay } = await hubWithRelay();
  await relay.sendEvents(relay.pack(burst('thief')));
  const orders = await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('kick')));
  const desired = orders.find((each) => each.kind === 'desired');
  const beat = { kind: 'heartbeat', at: Date.now(), zone: 'UTC', instances: [], counts: {} };
  await relay.report({ ...beat, desired: { generation: desired?.generation ?? 0, digest: desired?.digest ?? '' } });
  expect(await relay.orders(2)).toEqual([]);
  expect((await testHub.api.relays())[0]?.converged).toBe(true);
});

test('what a relay proves moves the finding on', async () => {
  const { testHub, relay } = await hubWithRelay();
  await relay.sendEvents(relay.pack(burst('thief')));
  const orders = await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('kick')));
  const proof = { account: 'thief@example.org', what: 'quarantine', verified: true, held: 40, outsideHold: 0 };
  const result = {
    kind: 'result',
    id: orders[0]?.jti,
    state: 'done',
    counts: { held: 40 },
    proofs: [proof],
    at: Date.now(),
  };
  await relay.report(result);
  await relay.report(result);
  const finding = await eventually(async () =>
    (await testHub.api.findings(1)).find(({ state }) => state === 'contained'),
  );
  expect(finding.history.filter(({ what }) => what === 'contained')).toHaveLength(1);
});

test('a hub that restarts keeps findings, relays and their keys', async () => {
  const { testHub, relay } = await hubWithRelay();
  await relay.sendEvents(relay.pack(burst('thief')));
  await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('kick')));
  const { api } = await testHub.restart();
  expect(await api.findings(1)).toHaveLength(1);
  await relay.sendEvents(relay.pack(burst('bob', 100)));
  await relay.ordersUntil((all) => all.some(isDesired));
  expect((await api.findings(1)).map(({ account }) => account).sort()).toEqual([
    'bob@example.org',
    'thief@example.org',
  ]);
});

test('without its token the API tells nothing', async () => {
  const { testHub } = await hubWithRelay();
  const answer = await fetch(`${testHub.hub.apiUrl}/v1/findings`);
  expect(answer.status).toBe(401);
});
