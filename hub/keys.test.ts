import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openHubDatabase } from './database.ts';
import { AccessKeys, everyGrant } from './keys.ts';

let folder: string;
let db: DatabaseSync;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'));
  db = openHubDatabase(join(folder, 'hub.sqlite'));
});
afterEach(async () => {
  db.close();
  await rm(folder, { recursive: true });
});

describe('access keys', () => {
  it('are found again as they were made, also by the next process', () => {
    const key = new AccessKeys(db).createAccessKey('relay:mx1.example.org', [
      { queue: 'events', actions: ['SendMessage'] },
    ]);
    expect(key.accessKeyId).toMatch(/^HF[A-Z2-7]{18}$/);
    expect(key.secretAccessKey).toMatch(/^[\w-]{40}$/);
    expect(new AccessKeys(db).lookup(key.accessKeyId)).toEqual(key);
    expect(new AccessKeys(db).lookup(`${key.accessKeyId}X`)).toBeUndefined();
  });

  it('number two per principal at most, so that a rotation ends with the old one revoked', () => {
    const keys = new AccessKeys(db);
    const [first, second] = [keys.createAccessKey('hub', everyGrant), keys.createAccessKey('hub', everyGrant)];
    expect(keys.keysOf('hub')).toEqual([first.accessKeyId, second.accessKeyId]);
    expect(() => keys.createAccessKey('hub', everyGrant)).toThrow(`hub has 2 access keys (${first.accessKeyId}, `);
    expect(keys.revokeAccessKey(first.accessKeyId)).toBe(true);
    expect(keys.revokeAccessKey(first.accessKeyId)).toBe(false);
    expect(keys.lookup(first.accessKeyId)).toBeUndefined();
    const third = keys.createAccessKey('hub', everyGrant);
    expect(keys.keysOf('hub')).toEqual([second.accessKeyId, third.accessKeyId]);
    expect(keys.keysOf('relay:other')).toEqual([]);
  });
});
