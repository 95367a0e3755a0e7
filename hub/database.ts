import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';

/**
 * The hub's one file: items, queues, messages, access keys. One process owns it. A commit is on the disk when it
 * returns (`synchronous=FULL`), so that an answered request survives a kill -9 and a power cut.
 */

/**
 * SQLite waits this long for another process's lock (a backup, a shell) before it says busy. Short, because it waits
 * with the event loop stopped; who is answered 503 then comes again by himself.
 */
const busyTimeoutMs = 250;

/** Each runs once, in order; `user_version` counts those that ran. Only ever append. */
const migrations: readonly string[] = [
  `
  -- A rowid table, because bodies of up to 380 KB would blow up the inner pages of a WITHOUT ROWID tree.
  -- TEXT compares by its UTF-8 bytes (BINARY collation), which is DynamoDB's order of sort keys.
  CREATE TABLE item (
    pk TEXT NOT NULL,
    sk TEXT NOT NULL,
    json TEXT,
    bytes BLOB,
    version INTEGER,
    expires_at_seconds INTEGER,
    PRIMARY KEY (pk, sk),
    CHECK ((json IS NULL) <> (bytes IS NULL))
  ) STRICT;
  CREATE INDEX item_by_expiry ON item (expires_at_seconds) WHERE expires_at_seconds IS NOT NULL;

  CREATE TABLE queue (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    fifo INTEGER NOT NULL,
    visibility_seconds INTEGER NOT NULL,
    retention_seconds INTEGER NOT NULL,
    dead_letter_queue TEXT,
    max_receive_count INTEGER,
    created_at_ms INTEGER NOT NULL
  ) STRICT;

  -- AUTOINCREMENT: a sequence is never given out again, also when the newest message was deleted.
  CREATE TABLE message (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    queue INTEGER NOT NULL REFERENCES queue (id),
    id TEXT NOT NULL,
    sender TEXT NOT NULL,
    group_id TEXT,
    deduplication_id TEXT,
    sent_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    visible_at_ms INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    first_received_at_ms INTEGER,
    receipt TEXT
  ) STRICT;
  CREATE INDEX message_by_visibility ON message (queue, visible_at_ms, sequence);
  CREATE INDEX message_by_group ON message (queue, group_id, visible_at_ms) WHERE group_id IS NOT NULL;
  CREATE INDEX message_by_sequence ON message (queue, sequence);
  CREATE INDEX message_by_expiry ON message (expires_at_ms);

  -- Apart, so that receiving a message does not rewrite its body.
  CREATE TABLE message_body (
    sequence INTEGER PRIMARY KEY REFERENCES message (sequence) ON DELETE CASCADE,
    body TEXT NOT NULL
  ) STRICT;

  CREATE TABLE deduplication (
    queue INTEGER NOT NULL REFERENCES queue (id),
    group_id TEXT NOT NULL,
    deduplication_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    sent_at_ms INTEGER NOT NULL,
    PRIMARY KEY (queue, group_id, deduplication_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX deduplication_by_time ON deduplication (sent_at_ms);

  -- The secret stands in clear: SigV4 is an HMAC, both sides need it. The file's mode (0600) guards it.
  CREATE TABLE access_key (
    id TEXT PRIMARY KEY,
    secret TEXT NOT NULL,
    principal TEXT NOT NULL,
    grants TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX access_key_by_principal ON access_key (principal);
  `,
];

/**
 * Opens the hub's file and brings it to this version's schema. Mode 0600, also where it was wider; SQLite gives its
 * -wal and -shm the same.
 * @throws Error where the file cannot be opened or was written by a newer version
 */
export function openHubDatabase(path: string): DatabaseSync {
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    migrate(db, path);
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}

function migrate(db: DatabaseSync, path: string): void {
  transaction(db, () => {
    const done = integer(db.prepare('PRAGMA user_version').get() ?? {}, 'user_version');
    if (done > migrations.length) {
      throw new Error(`${path} has schema ${done}, this version knows ${migrations.length}: a newer hub wrote it`);
    }
    for (const sql of migrations.slice(done)) db.exec(sql);
    db.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}

/** Runs `work` in one write transaction: all of it is on the disk when this returns, nothing of it if it throws. */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite has rolled back by itself where the disk was full or failed.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

export type Row = Record<string, SQLOutputValue>;

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new TypeError(`column ${column} holds no text`);
  return value;
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new TypeError(`column ${column} holds no integer`);
  return value;
}

export function optionalText(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column);
}

export function optionalInteger(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : integer(row, column);
}
