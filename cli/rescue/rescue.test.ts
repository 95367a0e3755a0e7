import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SimulatedRelay } from '../../lab/simulated.ts';
import { loadRules } from '../../shared/decide/rules.ts';
import { confirm } from './confirm.ts';
import { Hands } from './hands.ts';
import { hold } from './hold.ts';
import { Names, networkOf } from './names.ts';
import { QueueTally } from './queue-tally.ts';
import { rank } from './ranking.ts';
import { shellWord } from './shell.ts';
import { preview, take } from './take.ts';

const rule = { realm: 'lab.test', realmAliases: {} };
const account = 'thief@lab.test';
const rules = loadRules(join(import.meta.dirname, '../../rules'));

describe('rescue on a simulated relay', () => {
  let folder: string;
  let relay: SimulatedRelay;
  let hands: Hands;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-rescue-'));
    const users = ['thief', 'alice'].map((login) => ({ login, password: 'x' }));
    relay = new SimulatedRelay({ name: 'sim', maillog: join(folder, 'mail.log'), users, realm: 'lab.test' });
    hands = await Hands.ready(relay, folder);
  });
  afterEach(async () => {
    hands.close();
    await relay.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function send(login: string, count: number, localAddress: string, from = (n: number) => `f${n}@b.test`) {
    const session = await relay.openSession({ login, password: 'x', localAddress });
    const ids: string[] = [];
    for (let n = 0; n < count; n++) {
      ids.push(await session.send({ from: from(n), to: ['r@far.test'], raw: 'Subject: x\r\n\r\nx\r\n' }));
    }
    await session.close();
    return ids;
  }
  const queueOf = async (id: string | undefined) => (await relay.inspect('sim', id ?? ''))?.queue;

  test('the rules need no log: what lies in the queue tells who looks stolen, and since when', async () => {
    await send('thief', 40, '127.66.0.1');
    await send('alice', 60, '127.20.0.1', () => 'alice@lab.test');
    const tally = new QueueTally(rule);
    for await (const file of relay.scan('sim', ['incoming', 'active', 'deferred', 'hold'])) tally.add(file);
    const accounts = rank({
      queued: tally.accounts,
      messages: tally.messages,
      queueFindings: tally.judge(rules),
      logFindings: [],
    });
    expect(accounts).toMatchObject([
      { account, queued: 40, shareOfQueue: 0.4, looksStolen: [{ from: 'queue', rule: 'sender-rotation' }] },
      { account: 'alice@lab.test', queued: 60, shareOfQueue: 0.6, looksStolen: [] },
    ]);
  });

  test('what came after the preview is not purged, and what is not in hold neither', async () => {
    await send('thief', 5, '127.66.0.1');
    await hold({ account, rule }, relay, hands);
    const outside = await send('thief', 1, '127.66.0.1');
    const wanted = { account, rule, selection: { include: [{ client: '127.66.0.0/16' }], exclude: [] } };
    const shown = await preview(wanted, relay);
    expect({ taken: shown.taken.messages, outside: shown.outsideHold }).toEqual({ taken: 5, outside: 1 });
    const [late] = await send('thief', 1, '127.66.0.1');
    await relay.postsuper('sim', 'hold', [late ?? '']);
    const outcome = await take('purge', wanted, shown, relay, hands);
    expect(outcome).toMatchObject({ counts: { purged: 5 }, proofs: [{ verified: false, held: 1, outsideHold: 1 }] });
    expect([await queueOf(late), await queueOf(outside[0])]).toEqual(['hold', 'active']);
  });

  test('without a selection a preview takes nothing', async () => {
    await send('thief', 2, '127.66.0.1');
    await hold({ account, rule }, relay, hands);
    const shown = await preview({ account, rule }, relay);
    expect([shown.taken.messages, shown.stays.messages]).toEqual([0, 2]);
  });

  test('a second rescue is refused while one is at work; without a place for a journal it works all the same', async () => {
    await expect(Hands.ready(relay, folder)).rejects.toThrow('another rescue is running');
    const file = join(folder, 'no-folder');
    await writeFile(file, '');
    const other = await Hands.ready(relay, file);
    const [id] = await send('thief', 1, '127.66.0.1');
    expect(await hold({ account, rule }, relay, other)).toMatchObject({ counts: { held: 1 }, outsideHold: 0 });
    other.close();
    expect(await queueOf(id)).toBe('hold');
  });
});

test('only the account’s own name confirms, however it is spelt; silence does not', async () => {
  for (const typed of ['Thief', 'thief@lab.test '])
    await expect(confirm(account, rule, typed)).resolves.toBeUndefined();
  for (const typed of ['', 'y', 'yes', 'alice', 'thief@other.test']) {
    await expect(confirm(account, rule, typed)).rejects.toThrow('nothing was purged');
  }
});

test('what a stranger chose is one word of a printed command', () => {
  expect(shellWord('thief@lab.test')).toBe('thief@lab.test');
  expect(shellWord("x'; rm -rf / #")).toBe("'x'\\''; rm -rf / #'");
  expect(shellWord('$(id)')).toBe("'$(id)'");
});

test('names are counted within bounds, addresses shown as networks', () => {
  const names = new Names(2);
  for (const name of ['a', 'b', 'b', 'c', 'd']) names.add(name);
  expect([names.size, names.isFull, names.top(1)]).toEqual([2, true, [['b', 2]]]);
  expect(networkOf('127.66.3.4')).toBe('127.66.3.0/24');
  expect(networkOf('::ffff:127.66.3.4')).toBe('127.66.3.0/24');
  expect(networkOf('2001:db8:1:2:3::4')).toBe('2001:db8:1:2::/64');
  expect(networkOf('unknown')).toBe('unknown');
});
