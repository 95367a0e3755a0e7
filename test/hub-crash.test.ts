import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openHubDatabase } from '../hub/database.ts';
import { SqliteItemTable } from '../hub/items.ts';
import { hubDirectory } from '../hub/state.ts';
import { FindingStore } from '../shared/store/findings.ts';
import { Outbox } from '../shared/store/outbox.ts';
import type { Order } from '../shared/wire/orders.ts';
import { eventually, startTestHub, submission, TestRelay } from './hub-fixture.ts';

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

let serial = 0;
function mails(login: string, count: number): string[] {
  const now = Date.now();
  return Array.from({ length: count }, (_, index) =>
    submission(
      new Date(now + index),
      `4${(serial++).toString(16).padStart(9, '0').toUpperCase()}`,
      login,
      `s${index}@forged.test`,
    ),
  ).flat();
}

const isDesired = (each: Order): boolean => each.kind === 'desired';
const isAct = (act: string) => (each: Order) => each.kind === 'command' && each.act === act;

test('what a killed hub had claimed but not sent goes out at the next start, not at the end of its lease', async () => {
  const { testHub, relay } = await hubWithRelay();
  await testHub.restart(async () => {
    const db = openHubDatabase(join(hubDirectory(testHub.stateDirectory), 'holdfast.sqlite'));
    const table = new SqliteItemTable(db);
    const kick = { kind: 'command', act: 'kick', account: 'thief@example.org', actor: 'hub' } as const;
    await new FindingStore(table).writeOutbox([kick], 'thief@example.org', Date.now(), 'abcdef');
    for await (const _claimed of new Outbox(table).claim(Date.now())) break;
    db.close();
  });
  const orders = await relay.orders(5);
  expect(orders.some(isAct('kick'))).toBe(true);
});

test('a new spelling that comes at the moment of the approval takes nothing of it away', async () => {
  const { testHub, relay } = await hubWithRelay();
  await relay.sendEvents(relay.pack(mails('thief', 40)));
  await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('kick')));
  const [finding] = await testHub.api.findings(1);
  const spellings = ['Thief', 'THIEF', 'thief@Example.org', 'Thief@example.org', 'tHIEF'];
  const packs = spellings.map((login) => relay.sendEvents(relay.pack(mails(login, 1))));
  const approval = testHub.api.approve(finding?.id ?? '', [{ client: '192.0.2.0/24' }], []);
  await Promise.all([...packs, approval]);
  const { containment } = await eventually(async () => {
    const view = await testHub.api.finding(finding?.id ?? '');
    return view.containment?.logins.length === 1 + spellings.length ? view : undefined;
  });
  expect(containment?.released).toHaveLength(1);
  expect([...(containment?.logins ?? [])].sort()).toEqual([...spellings, 'thief'].sort());
  const last = (await relay.ordersUntil((all) => all.filter(isDesired).length >= 2)).findLast(isDesired);
  expect(last?.kind === 'desired' && last.entries[0]?.released).toHaveLength(1);
});

test('a new spelling that comes at the moment of the undo does not bring the containment back', async () => {
  const { testHub, relay } = await hubWithRelay();
  await relay.sendEvents(relay.pack(mails('thief', 40)));
  await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('kick')));
  const [finding] = await testHub.api.findings(1);
  const packs = ['Thief', 'THIEF', 'tHief', 'thIef'].map((login) => relay.sendEvents(relay.pack(mails(login, 1))));
  await Promise.all([testHub.api.undo(finding?.id ?? ''), ...packs]);
  await relay.ordersUntil((all) => all.some(isAct('release')));
  expect((await testHub.api.status()).containments).toEqual([]);
});

test('what an order did stands in the history once, however often its result comes', async () => {
  const { testHub, relay } = await hubWithRelay();
  await relay.sendEvents(relay.pack(mails('thief', 40)));
  await relay.ordersUntil((all) => all.some(isDesired) && all.some(isAct('kick')));
  const [finding] = await testHub.api.findings(1);
  await testHub.api.approve(finding?.id ?? '', [{ client: '192.0.2.0/24' }], []);
  const orders = await relay.ordersUntil((all) => all.some(isAct('purge')) && all.some(isAct('release')));
  const purge = orders.find(isAct('purge'));
  const result = { kind: 'result', id: purge?.jti, state: 'done', counts: { purged: 40 }, proofs: [], at: Date.now() };
  await relay.report(result);
  await testHub.restart();
  await relay.report(result);
  await relay.report({ ...result, id: orders.find(isAct('release'))?.jti, counts: { released: 2 } });
  const { history } = await eventually(async () => {
    const view = await testHub.api.finding(finding?.id ?? '').catch(() => undefined);
    return view?.finding.history.some(({ what }) => what === 'released') ? view.finding : undefined;
  });
  expect(history.filter(({ what }) => what === 'purged').map(({ detail }) => detail)).toEqual(['done: 40 purged']);
});
