/**
 * What each access pattern of docs/store.md costs in DynamoDB's capacity units, as DynamoDB Local reckons them: the
 * Store's own classes on items of the sizes that the scale of the design makes.
 *
 *     node bench/units.ts
 *
 * DynamoDB Local is fetched and started, or is at HOLDFAST_TEST_DYNAMODB_ENDPOINT.
 */
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { place } from '../lab/aws/servers.ts';
import { FindingStore } from '../shared/store/findings.ts';
import { openFixed } from '../shared/store/fixed.ts';
import { Outbox } from '../shared/store/outbox.ts';
import { PartStore } from '../shared/store/parts.ts';
import { RelayStore } from '../shared/store/relays.ts';
import { makeTable } from './aws/ground.ts';
import { MeteredTable } from './aws/metered-table.ts';
import { openDynamodb } from './aws/servers.ts';
import * as cast from './units/cast.ts';

const { url: endpoint, stop } = await openDynamodb();
const client = new DynamoDBClient({ ...place, endpoint });
const TableName = await makeTable(client);
const table = new MeteredTable(client, TableName);
/** A process that has read nothing yet. */
const parts = () => new PartStore(table);
const findings = new FindingStore(table);
const relays = new RelayStore(table);
const outbox = new Outbox(table);

console.log('| what is done | calls | read units | write units |\n| --- | --- | --- | --- |');
async function measure(what: string, act: () => Promise<unknown>): Promise<void> {
  table.take();
  await act();
  const { calls, reads, writes } = table.take();
  console.log(`| ${what} | ${calls} | ${reads} | ${writes} |`);
}

const now = cast.now;
const account = cast.account(1);

await measure('the first start fixes what keys are made from', () =>
  openFixed(table, { realm: 'example.org', realmAliases: {} }),
);
await measure('a cold start reads it', () => openFixed(table, { realm: 'example.org', realmAliases: {} }));

const rest = cast.part('mx1', 36);
const storm = cast.part('mx1', 300, 'thief@example.org');
await measure('a pack at rest becomes a part (36 lines)', () => parts().put(rest, now, 'rest'));
await measure('the same pack again', () => parts().put(rest, now, 'rest'));
await measure('a full pack becomes a part (300 lines)', () => parts().put(cast.part('mx4', 300), now, 'full'));
await measure("a full pack of one thief's mail becomes a part", () => parts().put(storm, now, 'storm'));
for (let pack = 1; pack < 60; pack++) await parts().put(cast.part('mx2', 36), now - pack * 10_000, `rest ${pack}`);
for (let pack = 1; pack < 200; pack++) await parts().put(storm, now - pack * 3_000, `storm ${pack}`);
const tenMinutes = now - 600_000;
const warm = parts();
await measure("a process reads a relay's last ten minutes, at rest (60 parts)", () =>
  warm.between('mx2', tenMinutes, now - 10_000),
);
await measure('and again ten seconds later: the last 50 s', () => warm.between('mx2', tenMinutes, now));
await measure("a process reads a relay's last ten minutes, in a storm (200 parts)", () =>
  warm.between('mx1', tenMinutes, now - 3_000),
);
await measure('and again three seconds later: the last 43 s', () => warm.between('mx1', tenMinutes, now));
await measure('a process looks for parts of a relay: none', () => parts().between('mx3', tenMinutes, now));

await measure('a relay is enrolled', () => relays.enrol(cast.registration('mx1')));
await measure("a message's sender is looked up", () => relays.get('mx1'));
for (let relay = 2; relay <= cast.fleet; relay++) await relays.enrol(cast.registration(`mx${relay}`));
await measure('1,000 relays are listed', () => relays.list());

await measure('an account without a finding is looked up', () => findings.ofAccount(account));
await measure('containments are listed: none', () => findings.containments());
const opened = cast.finding(1);
const opening = { version: 0, accountVersion: 0, containment: cast.containment(1), outbox: cast.containOrders(1) };
await measure('a finding opens with its containment, one transaction', () =>
  findings.save({ ...opening, finding: opened, audit: cast.audit('opened'), id: 'open' }),
);
await measure('the same by a worker who was slower', () =>
  findings.save({ ...opening, finding: opened, audit: cast.audit('opened'), id: 'slow' }),
);
await measure('an account with an open finding is looked up', () => findings.ofAccount(account));
await measure('a relay proves: history entry and audit, one transaction', () =>
  findings.save({ finding: opened, version: 1, outbox: [], audit: cast.audit('contained'), id: 'proven' }),
);
const long = cast.finding(1, 200);
await measure('the same with a history of 200 entries', () =>
  findings.save({ finding: long, version: 2, outbox: [], audit: cast.audit('contained'), id: 'long' }),
);
await measure('that finding is read', () => findings.get(long.id));
await measure('an act without a finding is audited', () => findings.writeAudit(cast.audit('enrolled'), 'enrolled'));

await measure('the sweep asks whether the outbox waits', () => outbox.olderThan(now - 5_000));
await measure('dispatch claims all that waits: one order', async () => {
  for await (const claimed of outbox.claim(now)) cast.claimed.push(claimed);
});
await measure('an order is done with', async () => {
  for (const each of cast.claimed) await outbox.done(each);
});
await measure('announcements are read, and the one is done with', async () => {
  for (const { sk } of await outbox.announcements()) await outbox.announced(sk);
});
for (let other = 2; other <= 50; other++) {
  const containment = cast.containment(other);
  const change = { ...opening, containment, outbox: [] };
  await findings.save({ ...change, finding: cast.finding(other), audit: cast.audit('opened'), id: `open ${other}` });
}
await measure('containments are listed: 50', () => findings.containments());
await measure("a day's 50 findings are listed", () => findings.ofDay(opened.id.slice(0, 10)));

const status = cast.status('mx1');
await measure("a relay's last heartbeat is read: none", () => relays.status('mx1'));
await measure('a heartbeat is kept', () => relays.saveStatus('mx1', status));
await measure("a relay's last heartbeat is read", () => relays.status('mx1'));
for (const accounts of [5, 50]) {
  await measure(`a snapshot is kept (${accounts} accounts)`, () => relays.saveSnapshot(cast.snapshot('mx1', accounts)));
}
await measure('a desired state is issued', async () => {
  const { version } = await relays.issued('mx1');
  await relays.saveIssued('mx1', { generation: now, digest: 'x'.repeat(43), sentAt: now }, version);
});
await measure('a command is numbered', () => relays.nextNumber('mx1', account, now));
await measure('a command is kept', () => relays.saveCommand(cast.command('mx1')));
await measure('its result is kept', async () => {
  const command = await relays.command('mx1', cast.command('mx1').jti);
  if (command !== undefined) await relays.saveCommand({ ...command, state: 'done', doneAt: now });
});
await measure('a proof is kept', () => relays.saveAccountOnRelay(account, cast.accountOnRelay('mx1')));
for (let relay = 2; relay <= 200; relay++) await relays.saveAccountOnRelay(account, cast.accountOnRelay(`mx${relay}`));
await measure('what 200 relays proved of an account is read', () => relays.accountOnRelays(account));

await client.send(new DeleteTableCommand({ TableName }));
client.destroy();
await stop();
