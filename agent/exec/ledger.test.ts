import { appendFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CommandOrder, DesiredOrder } from '../../shared/wire/orders.ts';
import { Ledger } from './ledger.ts';
import { silent } from './rig.fixture.ts';

let folder: string;
let journal: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-ledger-'));
  journal = join(folder, 'journal.ndjson');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const now = Date.now();
const common = { v: 1 as const, relay: 'r1', issuedAt: now, notAfter: now + 3_600_000 };
const accountRule = { realmAliases: {} };

function command(number: number, over: Partial<CommandOrder> = {}): CommandOrder {
  return {
    ...common,
    kind: 'command',
    jti: `c${number}`,
    act: 'hold',
    account: 'a',
    number,
    requiresGeneration: 0,
    ...over,
  };
}

function desired(generation: number, index = 0, count = 1): DesiredOrder {
  const piece = { index, count };
  const rest = { piece, accountRule, digest: 'd'.repeat(64), entries: [] };
  return { ...common, kind: 'desired', jti: `d${generation}-${index}`, generation, ...rest };
}

/** What a restart would know. */
function reopened<T>(look: (ledger: Ledger) => T): T {
  const ledger = Ledger.open(folder, silent);
  try {
    return look(ledger);
  } finally {
    ledger.close();
  }
}

const done = { state: 'done' as const, counts: { held: 2 }, proofs: [] };

test('a restart knows orders, counts, answers, marks and what was interrupted', () => {
  const ledger = Ledger.open(folder, silent);
  ledger.accept('r1', desired(7), 'h1', []);
  ledger.accept('r2', desired(9, 0, 2), 'h2', []);
  ledger.accept('r3', command(5), 'h3', [{ instance: 'i', pid: 1, client: '127.0.0.1', login: 'a' }]);
  const batch = { act: 'hold' as const, instance: 'i', files: [['ABCDEF', 1]] as [string, number][] };
  ledger.did(ledger.began('c5', batch), { held: 2 });
  const open = ledger.began('c5', batch);
  ledger.accept('r4', command(6, { account: 'b' }), 'h4', []);
  ledger.end('c6', done);
  ledger.close();
  reopened((again) => {
    expect(again.inForce.map((order) => order.generation)).toEqual([7]);
    expect(again.generation).toBe(9);
    expect(again.lastNumber('a')).toBe(5);
    expect(again.lastNumber('new')).toBe(0);
    expect(again.unfinished().map(({ order }) => order.jti)).toEqual(['d7-0', 'd9-0', 'c5']);
    expect(again.order('c5')).toMatchObject({ counts: { held: 2 }, sessions: [{ pid: 1 }] });
    expect(again.unacknowledged()).toMatchObject([{ id: 'r4', outcome: done }]);
    expect(again.openBatches()).toEqual([open]);
    expect(again.commandsWithinHour()).toBe(2);
  });
});

test('a torn last line is cut off; damage elsewhere is named and stops the start', () => {
  const ledger = Ledger.open(folder, silent);
  ledger.accept('r1', command(5), 'h', []);
  ledger.close();
  const whole = readFileSync(journal, 'utf8');
  for (const cut of [1, 20, whole.length - 2]) {
    appendFileSync(journal, whole.slice(0, cut));
    reopened((again) => expect(again.unfinished()).toHaveLength(1));
    expect(readFileSync(journal, 'utf8')).toBe(whole);
  }
  writeFileSync(journal, `${whole}nonsense\n${whole}`);
  expect(() => Ledger.open(folder, silent)).toThrow(`${journal}:2: damaged line`);
  writeFileSync(journal, '{"t":"what"}\n');
  expect(() => Ledger.open(folder, silent)).toThrow(`${journal}:1:`);
});

test('the journal stays bounded: compacted, it still knows all that matters', () => {
  const ledger = Ledger.open(folder, silent);
  ledger.accept('g', desired(1), 'h', []);
  ledger.end('d1-0', done);
  ledger.acknowledge('g');
  ledger.accept('open', command(1, { account: 'slow' }), 'h', []);
  const files = Array.from({ length: 2000 }, (_, n): [string, number] => [`4jZ2Ly3gV8z${n}`, now * 1000 + n]);
  for (let n = 2; n < 150; n++) {
    ledger.accept(`r${n}`, command(n), 'h', []);
    ledger.did(ledger.began(`c${n}`, { act: 'purge', instance: 'i', files }), { purged: 2000 });
    ledger.end(`c${n}`, done);
    ledger.acknowledge(`r${n}`);
  }
  ledger.did(ledger.began('c1', { act: 'hold', instance: 'i', files }), { held: 2000 });
  const size = statSync(journal).size;
  expect(size).toBeLessThan(9 * 1024 * 1024);
  ledger.close();
  reopened((again) => {
    expect(again.lastNumber('a')).toBe(149);
    expect(again.inForce).toHaveLength(1);
    expect(again.order('c149')?.outcome).toEqual(done);
    expect(again.order('c2')).toBeUndefined();
    expect(again.unfinished()).toMatchObject([{ counts: { held: 2000 } }]);
    expect(again.unacknowledged()).toEqual([]);
    expect(again.openBatches()).toEqual([]);
    expect(again.commandsWithinHour()).toBe(149);
  });
});

test('hub time goes on across a restart and never falls behind a message', () => {
  const ledger = Ledger.open(folder, silent);
  ledger.accept('r', command(1, { issuedAt: now + 5_000_000 }), 'h', []);
  ledger.close();
  reopened((again) => {
    expect(again.clock.now()).toBeGreaterThanOrEqual(now + 5_000_000);
    expect(again.clock.now()).toBeLessThan(now + 5_060_000);
    again.clock.witness(now);
    expect(again.clock.now()).toBeGreaterThanOrEqual(now + 5_000_000);
  });
  // After a reboot the monotonic clock began anew: hub time stands where it stood.
  writeFileSync(journal, readFileSync(journal, 'utf8').replace(/"boot":"[^"]*"/, '"boot":"another"'));
  reopened((again) => {
    expect(again.clock.now()).toBeGreaterThanOrEqual(now + 5_000_000);
    expect(again.commandsWithinHour()).toBe(0);
  });
});

test('without a journal it starts empty', () => {
  rmSync(journal, { force: true });
  reopened((ledger) => expect(ledger.inForce).toEqual([]));
});
