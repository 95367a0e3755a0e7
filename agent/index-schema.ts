import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type Log, reasonOf } from './log.ts';

const version = 2;

/**
 * The local index is a cache of the log and the queue: where it is damaged it is built anew. WAL with
 * synchronous=NORMAL: a power cut may take the last transactions but each carries its own cursor, so they are replayed.
 */
const schema = `
  CREATE TABLE login (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, account TEXT NOT NULL) STRICT;
  CREATE INDEX login_by_account ON login (account);
  -- login_id is NULL for what a content filter may have put back in without saying whose it is.
  CREATE TABLE message (
    id INTEGER PRIMARY KEY, queue_id TEXT NOT NULL, instance TEXT NOT NULL, login_id INTEGER,
    accepted_micros INTEGER NOT NULL,
    -- Digest of the message-id; empty where it has none, NULL where none was logged yet.
    message_id TEXT,
    UNIQUE (queue_id, instance)
  ) STRICT;
  CREATE INDEX message_by_login ON message (login_id, accepted_micros) WHERE login_id IS NOT NULL;
  CREATE TABLE session (
    id INTEGER PRIMARY KEY, instance TEXT NOT NULL, pid INTEGER NOT NULL, client TEXT NOT NULL, client_port INTEGER,
    login_id INTEGER NOT NULL, UNIQUE (instance, pid, login_id)
  ) STRICT;
  CREATE INDEX session_by_login ON session (login_id);
  CREATE TABLE cursor (file TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
  CREATE TABLE account_rule (json TEXT NOT NULL) STRICT;
  PRAGMA user_version = ${version};
`;

export function openIndexDatabase(path: string, log: Log): DatabaseSync {
  try {
    return openOnce(path);
  } catch (error) {
    log.error({ path, reason: reasonOf(error) }, 'the local index cannot be used; building it anew from the log');
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
    return openOnce(path);
  }
}

function openOnce(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000;');
    const found = database.prepare('PRAGMA user_version').get()?.['user_version'];
    if (found === 0) database.exec(schema);
    else if (found !== version) throw new Error(`version ${String(found)}, not ${version}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
