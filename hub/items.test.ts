import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { itemTableContract } from '../shared/store/item-table.contract.ts';
import { openHubDatabase } from './database.ts';
import { SqliteItemTable } from './items.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-items-'));
});
afterEach(() => rm(folder, { recursive: true }));

itemTableContract('SQLite', async () => {
  const db = openHubDatabase(join(folder, 'hub.sqlite'));
  return { table: new SqliteItemTable(db), close: async () => db.close() };
});

describe('the hub file', () => {
  it('is readable by its owner only, with its log and index files, also where it was wider', async () => {
    const path = join(folder, 'hub.sqlite');
    await writeFile(path, '', { mode: 0o644 });
    const db = openHubDatabase(path);
    await new SqliteItemTable(db).put({ pk: 'p', sk: 's', body: 1 });
    for (const suffix of ['', '-wal', '-shm']) expect((await stat(path + suffix)).mode & 0o777).toBe(0o600);
    db.close();
  });

  it('keeps what was put across a restart', async () => {
    const path = join(folder, 'hub.sqlite');
    const first = openHubDatabase(path);
    await new SqliteItemTable(first).put({ pk: 'p', sk: 's', body: { a: 1 } });
    first.close();
    const second = openHubDatabase(path);
    expect((await new SqliteItemTable(second).get('p', 's'))?.body).toEqual({ a: 1 });
    second.close();
  });

  it('of a newer version is refused and left as it is', () => {
    const path = join(folder, 'hub.sqlite');
    const first = openHubDatabase(path);
    first.exec('PRAGMA user_version = 999');
    first.close();
    expect(() => openHubDatabase(path)).toThrow(/hub\.sqlite has schema 999.*newer hub/);
  });
});

describe('purging expired items', () => {
  it('deletes the expired and no others, as many as asked at most', async () => {
    const db = openHubDatabase(join(folder, 'hub.sqlite'));
    const table = new SqliteItemTable(db, () => 1_000_000);
    for (const expiresAtSeconds of [998, 999, 1000, 1001]) {
      await table.put({ pk: 'p', sk: `${expiresAtSeconds}`, body: 1, expiresAtSeconds });
    }
    await table.put({ pk: 'p', sk: 'for ever', body: 1 });
    expect(table.purgeExpired(1000, 2)).toBe(2);
    expect(table.purgeExpired(1000, 2)).toBe(1);
    expect(table.purgeExpired(1000, 2)).toBe(0);
    const left = await table.query('p', { limit: 10 });
    expect(left.items.map((item) => item.sk)).toEqual(['1001', 'for ever']);
    db.close();
  });
});
