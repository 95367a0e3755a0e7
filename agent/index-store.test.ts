import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseLine } from '../shared/parse/line.ts';
import { Counters } from './counters.ts';
import { Follower } from './follow.ts';
import { type Arrival, indexRecord } from './index-records.ts';
import { openIndexDatabase } from './index-schema.ts';
import { IndexStore } from './index-store.ts';
import type { Log } from './log.ts';

const said: string[] = [];
const log: Log = {
  info: () => undefined,
  warn: (_, message) => said.push(message),
  error: (_, message) => said.push(message),
};
const samples = new URL('../test/samples/', import.meta.url);

let folder: string;
const stores: IndexStore[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-index-'));
  said.length = 0;
});

afterEach(async () => {
  for (const store of stores.splice(0)) store.close();
  await rm(folder, { recursive: true });
});

function openStore(maxRows = 1_000_000): IndexStore {
  const store = new IndexStore(openIndexDatabase(join(folder, 'index.sqlite'), log), { maxRows });
  stores.push(store);
  return store;
}

function feed(store: IndexStore, lines: readonly string[]): Arrival[] {
  const context = { zone: 'UTC', nearMicros: Date.parse('2026-11-24T12:00:00Z') * 1000 };
  return lines.flatMap((line) => {
    const parsed = parseLine(line, context);
    if (!('ok' in parsed)) return [];
    return indexRecord(store, parsed.ok) ?? [];
  });
}

let second = 0;
const stamp = (): string => {
  second += 1;
  return `Nov 24 10:${String(Math.floor(second / 60) % 60).padStart(2, '0')}:${String(second % 60).padStart(2, '0')} mx`;
};
const accept = (id: string, login: string, pid = 7): string =>
  `${stamp()} postfix/smtpd[${pid}]: ${id}: client=unknown[192.0.2.1]:4242, sasl_method=PLAIN, sasl_username=${login}`;
const removed = (id: string): string => `${stamp()} postfix/qmgr[2]: ${id}: removed`;

async function follow(store: IndexStore, file: string, until: () => boolean, counters = new Counters()): Promise<void> {
  const stop = new AbortController();
  const onArrivals = () => undefined;
  const running = new Follower({ file, zone: 'UTC', store, counters, log, signal: stop.signal, onArrivals }).run();
  while (!until()) await new Promise((resolve) => setTimeout(resolve, 2));
  stop.abort();
  await running;
}

describe('the local index', () => {
  it('knows the messages of an account that are still queued, newest first, over all its spellings', () => {
    const store = openStore();
    store.setRule({ realm: 'example.org', realmAliases: {} });
    feed(store, [accept('AAAAAA', 'thief'), accept('BBBBBB', 'Thief@Example.org'), accept('CCCCCC', 'other')]);
    feed(store, [accept('DDDDDD', 'thief'), accept('EEEEEE', 'thief'), removed('DDDDDD')]);
    expect([...store.idsOf('thief@example.org')].map(([, id]) => id)).toEqual(['EEEEEE', 'BBBBBB', 'AAAAAA']);
    expect(store.loginOf('postfix', 'BBBBBB')).toBe('Thief@Example.org');
    expect(store.loginOf('postfix', 'DDDDDD')).toBeUndefined();
  });

  it('reads its logins anew when the account rule changes', () => {
    const store = openStore();
    feed(store, [accept('AAAAAA', 'thief'), accept('BBBBBB', 'thief@old.test')]);
    expect([...store.idsOf('thief')]).toHaveLength(1);
    store.setRule({ realm: 'new.test', realmAliases: { 'old.test': 'new.test' } });
    expect([...store.idsOf('thief@new.test')]).toHaveLength(2);
    expect([...openStore().idsOf('thief@new.test')]).toHaveLength(2);
  });

  it('gives a reused queue ID to the message that has it now', () => {
    const store = openStore();
    feed(store, [accept('AAAAAA', 'thief'), accept('AAAAAA', 'innocent')]);
    expect([...store.idsOf('thief')]).toEqual([]);
    expect([...store.idsOf('innocent')]).toEqual([['postfix', 'AAAAAA']]);
    feed(store, [`${stamp()} postfix/smtpd[9]: AAAAAA: client=mx[198.51.100.7]`]);
    expect([...store.idsOf('innocent')]).toEqual([]);
  });

  it('lets re-injected messages inherit, by orig_queue_id and by the filter that answers queued as', () => {
    const store = openStore();
    const arrivals = feed(store, [
      accept('AAAAAA', 'thief'),
      `${stamp()} postfix/reinject/smtpd[8]: BBBBBB: client=unknown[127.0.0.1], orig_queue_id=AAAAAA, orig_client=x[1.2.3.4]`,
      removed('AAAAAA'),
      accept('CCCCCC', 'thief'),
      `${stamp()} postfix/smtpd[8]: DDDDDD: client=localhost[127.0.0.1]`,
      `${stamp()} postfix/smtp[5]: CCCCCC: to=<a@b.c>, relay=127.0.0.1[127.0.0.1]:10024, delay=0.1, delays=0/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as DDDDDD)`,
      removed('CCCCCC'),
    ]);
    expect(arrivals.map(({ queueId }) => queueId)).toEqual(['AAAAAA', 'BBBBBB', 'CCCCCC', 'DDDDDD']);
    expect([...store.idsOf('thief')].map(([, id]) => id)).toEqual(['DDDDDD', 'BBBBBB']);
  });

  it('lets what local(8) forwards and what a scanner puts back inherit, and knows the sessions behind a proxy', () => {
    const store = openStore();
    feed(store, [
      accept('AAAAAA', 'thief'),
      `${stamp()} postfix/local[5]: AAAAAA: to=<a@b.c>, relay=local, delay=0.1, delays=0/0/0/0.1, dsn=2.0.0, status=sent (forwarded as BBBBBB)`,
      removed('AAAAAA'),
      accept('CCCCCC', 'thief'),
      `${stamp()} MailScanner[88]: Requeue: CCCCCC.A0F46 to DDDDDD`,
      `${stamp()} postfix/smtpd[9]: NOQUEUE: client=unknown[192.0.2.9]:77, sasl_method=PLAIN, sasl_username=thief`,
    ]);
    expect([...store.idsOf('thief')].map(([, id]) => id)).toEqual(['DDDDDD', 'BBBBBB']);
    expect(store.sessionsOf('thief', 1)).toMatchObject([{ pid: 9, client: '192.0.2.9', clientPort: 77 }]);
  });

  it('lets no remote host link an innocent message by answering its queue ID', () => {
    const store = openStore();
    feed(store, [
      accept('AAAAAA', 'thief'),
      accept('BBBBBB', 'innocent'),
      `${stamp()} postfix/smtpd[8]: CCCCCC: client=localhost[127.0.0.1]`,
      ...['BBBBBB', 'CCCCCC'].map(
        (id) =>
          `${stamp()} postfix/smtp[5]: AAAAAA: to=<a@b.c>, relay=evil[203.0.113.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ${id})`,
      ),
    ]);
    expect([...store.idsOf('thief')].map(([, id]) => id)).toEqual(['AAAAAA']);
    expect([...store.idsOf('innocent')].map(([, id]) => id)).toEqual(['BBBBBB']);
  });

  it('links nothing where the message-ids differ, or XFORWARD tells an ID of another host', () => {
    const store = openStore();
    const messageId = (id: string, text: string): string =>
      `${stamp()} postfix/cleanup[3]: ${id}: message-id=<${text}>`;
    feed(store, [accept('AAAAAA', 'thief'), messageId('AAAAAA', 'spam@x')]);
    for (const [id, text] of Object.entries({ BBBBBB: 'hello@y', CCCCCC: '', DDDDDD: 'spam@x' })) {
      feed(store, [
        `${stamp()} postfix/smtpd[8]: ${id}: client=localhost[127.0.0.1]`,
        messageId(id, text),
        `${stamp()} postfix/smtp[5]: AAAAAA: to=<a@b.c>, relay=127.0.0.9[127.0.0.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ${id})`,
      ]);
    }
    feed(store, [`${stamp()} postfix/smtpd[8]: EEEEEE: client=mx2[192.0.2.8], orig_queue_id=AAAAAA`]);
    expect([...store.idsOf('thief')].map(([, id]) => id)).toEqual(['DDDDDD', 'AAAAAA']);
  });

  it('follows a requeued message to its new ID', () => {
    const store = openStore();
    feed(store, [
      accept('AAAAAA', 'thief'),
      `${stamp()} postfix/postsuper[5]: AAAAAA: requeued`,
      `${stamp()} postfix/pickup[5]: BBBBBB: uid=102 from=<x@y.z> orig_id=AAAAAA`,
    ]);
    expect([...store.idsOf('thief')].map(([, id]) => id)).toEqual(['BBBBBB']);
  });

  it('knows which smtpd serves the account now', () => {
    const store = openStore();
    feed(store, [accept('AAAAAA', 'thief', 7), accept('BBBBBB', 'thief', 8), accept('CCCCCC', 'other', 9)]);
    feed(store, [`${stamp()} postfix/smtpd[7]: disconnect from unknown[192.0.2.1]:4242 ehlo=1 quit=1 commands=2`]);
    const expected = { instance: 'postfix', pid: 8, client: '192.0.2.1', clientPort: 4242, login: 'thief' };
    expect(store.sessionsOf('thief', 10)).toEqual([expected]);
  });

  it('finds the sessions of every spelling under a rule that it was not told before', () => {
    const store = openStore();
    feed(store, [accept('AAAAAA', 'thief', 7), accept('BBBBBB', 'Thief@example.org', 8), accept('CCCCCC', 'other', 9)]);
    const rule = { realm: 'example.org', realmAliases: {} };
    expect(store.sessionsOf('thief@example.org', 10).map(({ pid }) => pid)).toEqual([8]);
    expect(store.sessionsOf('thief@example.org', 10, rule).map(({ pid }) => pid)).toEqual([8, 7]);
    expect(store.sessionsOf('thief@example.org', 1, rule).map(({ pid }) => pid)).toEqual([8]);
  });

  it('forgets the oldest messages beyond its bound and the logins nobody uses', () => {
    const store = openStore(100);
    feed(
      store,
      Array.from({ length: 150 }, (_, index) => accept(`A${String(index).padStart(5, '0')}`, `user${index}`)),
    );
    expect(store.prune()).toBe(55);
    expect(store.rows).toBe(95);
    expect([...store.idsOf('user149')]).toHaveLength(1);
    expect([...store.idsOf('user0')]).toEqual([]);
  });

  it('is built anew from the log when its file is damaged', async () => {
    await writeFile(join(folder, 'index.sqlite'), 'this is no database, and long enough to be looked at as one');
    expect(openStore().rows).toBe(0);
    expect(said.join()).toContain('building it anew');
  });

  it('converges to the same rows when a crash makes it read lines again', async () => {
    const file = join(folder, 'mail.log');
    await cp(new URL('content-filter-reinject.log', samples), file);
    const lines = (await readFile(file, 'utf8')).split('\n');
    const store = openStore();
    await follow(store, file, () => store.cursor(file) !== undefined);
    const once = JSON.stringify([[...store.idsOf('usera')], store.sessionsOf('usera', 10)]);
    feed(store, lines.slice(5));
    expect(JSON.stringify([[...store.idsOf('usera')], store.sessionsOf('usera', 10)])).toBe(once);
  });

  it('goes on at its own cursor after a restart', async () => {
    const file = join(folder, 'mail.log');
    await writeFile(file, `${accept('AAAAAA', 'thief')}\n`);
    const store = openStore();
    const counters = new Counters();
    await follow(store, file, () => store.rows === 1, counters);
    await writeFile(file, `${accept('BBBBBB', 'thief')}\n`, { flag: 'a' });
    await follow(store, file, () => store.rows === 2, counters);
    expect(counters.get('parsed.acceptance')).toBe(2);
  });

  it('keeps up with ten thousand lines a second', async () => {
    const file = join(folder, 'mail.log');
    const lines = Array.from({ length: 10_000 }, (_, index) => {
      const id = (0x100000 + index).toString(16).toUpperCase();
      return [
        accept(id, `user${index % 500}`, index % 50),
        `${stamp()} postfix/cleanup[3]: ${id}: message-id=<${index}@x>`,
        `${stamp()} postfix/qmgr[2]: ${id}: from=<a@b.c>, size=2000, nrcpt=1 (queue active)`,
        `${stamp()} postfix/smtp[5]: ${id}: to=<a@b.c>, relay=mx[203.0.113.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4B1234567)`,
        ...(index % 2 === 0 ? [removed(id)] : []),
      ];
    }).flat();
    await writeFile(file, `${lines.join('\n')}\n`);
    const store = openStore();
    const counters = new Counters();
    const began = performance.now();
    await follow(store, file, () => counters.get('parsed.removed') === 5_000, counters);
    const perSecond = lines.length / ((performance.now() - began) / 1000);
    expect(store.rows).toBe(5_000);
    expect(perSecond).toBeGreaterThan(10_000);
  });
});
