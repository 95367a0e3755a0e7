import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { type AccountRule, canonicalAccount } from '../shared/account/account.ts';
import type { HintedSession } from './exec/protocol.ts';

/** `[instance, queueId]` */
export type QueuedId = [string, string];

interface FoundMessage {
  readonly instance: string;
  readonly login?: string;
  readonly acceptedAtMicros: number;
  /** Digest; empty where it has none or none is known. */
  readonly messageId: string;
}

/** Logins longer than the wire takes are left to exec, which reads the queue files. */
const maxLoginLength = 512;
const maxSessions = 100_000;
/** Spellings of one account that a look-up follows, the newest first. */
const maxLogins = 100;
const pageRows = 500;

/**
 * The rows of the local index: which login each message still in the queue came from, and which smtpd serves it now.
 * All of it only hints: exec looks at the queue file before it touches anything. Bounded: beyond `maxRows` the oldest
 * messages are forgotten, and exec's sweep finds them.
 */
export class IndexStore {
  readonly #database: DatabaseSync;
  readonly #maxRows: number;
  readonly #statements = new Map<string, StatementSync>();
  readonly #loginIds = new Map<string, number>();
  #rule: AccountRule;
  #rows: number;

  constructor(database: DatabaseSync, options: { maxRows: number }) {
    this.#database = database;
    this.#maxRows = options.maxRows;
    this.#rows = Number(this.#get('SELECT count(*) AS n FROM message')?.['n']);
    const rule = this.#get('SELECT json FROM account_rule')?.['json'];
    this.#rule = typeof rule === 'string' ? JSON.parse(rule) : { realmAliases: {} };
  }

  get rows(): number {
    return this.#rows;
  }

  get rule(): AccountRule {
    return this.#rule;
  }

  /** All or nothing. */
  transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // A full disk has rolled back already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      this.#loginIds.clear();
      this.#rows = Number(this.#get('SELECT count(*) AS n FROM message')?.['n']);
      throw error;
    }
  }

  /** The hub's rule for accounts; where it changes, every login is read anew. */
  setRule(rule: AccountRule): void {
    const json = JSON.stringify(rule);
    if (json === JSON.stringify(this.#rule)) return;
    this.transaction(() => {
      this.#run('DELETE FROM account_rule');
      this.#run('INSERT INTO account_rule (json) VALUES (?)', json);
      for (const { id, text } of this.#all('SELECT id, text FROM login')) {
        const account = canonicalAccount(String(text), rule) ?? '';
        this.#run('UPDATE login SET account = ? WHERE id = ?', account, Number(id));
      }
    });
    this.#rule = rule;
  }

  /** A message now lives under this ID; whatever had the ID before is gone. No login: not known yet. */
  put(instance: string, queueId: string, login: string | undefined, acceptedAtMicros: number): void {
    this.remove(instance, queueId);
    const loginId = login === undefined ? null : this.#loginId(login);
    this.#run(
      'INSERT INTO message (queue_id, instance, login_id, accepted_micros) VALUES (?, ?, ?, ?)',
      ...[queueId, instance, loginId, acceptedAtMicros],
    );
    this.#rows += 1;
  }

  /** The first of several counts: they come in the same order wherever the message goes. */
  setMessageId(instance: string, queueId: string, digest: string): void {
    this.#run(
      'UPDATE message SET message_id = ? WHERE queue_id = ? AND instance = ? AND message_id IS NULL',
      ...[digest, queueId, instance],
    );
  }

  remove(instance: string, queueId: string): void {
    this.#rows -= this.#run('DELETE FROM message WHERE queue_id = ? AND instance = ?', queueId, instance);
  }

  /** A message on this host by its ID, the instance named first; others may hold the same (short) ID. */
  find(queueId: string, instance: string): FoundMessage | undefined {
    const row = this.#get(
      `SELECT instance, accepted_micros, message_id, (SELECT text FROM login WHERE id = login_id) AS login
       FROM message WHERE queue_id = ? ORDER BY instance = ? DESC LIMIT 1`,
      ...[queueId, instance],
    );
    if (row === undefined) return undefined;
    const found = {
      instance: String(row['instance']),
      acceptedAtMicros: Number(row['accepted_micros']),
      messageId: typeof row['message_id'] === 'string' ? row['message_id'] : '',
    };
    return typeof row['login'] === 'string' ? { ...found, login: row['login'] } : found;
  }

  loginOf(instance: string, queueId: string): string | undefined {
    const row = this.#get(
      'SELECT text FROM message JOIN login ON login.id = login_id WHERE queue_id = ? AND instance = ?',
      ...[queueId, instance],
    );
    return typeof row?.['text'] === 'string' ? row['text'] : undefined;
  }

  /**
   * Names the login of a message that had none, if it was accepted within the span and has the parent's message-id,
   * should both be known; the instance it is on.
   */
  claim(
    queueId: string,
    parent: { readonly login: string; readonly messageId: string },
    [fromMicros, toMicros]: readonly [number, number],
  ): string | undefined {
    const rows = this.#all(
      `SELECT id, instance FROM message WHERE queue_id = ? AND login_id IS NULL AND accepted_micros BETWEEN ? AND ?
       AND (message_id IS NULL OR ? IN ('', message_id))`,
      ...[queueId, fromMicros, toMicros, parent.messageId],
    );
    const [only] = rows;
    // Two that fit: neither is taken.
    if (only === undefined || rows.length > 1) return undefined;
    this.#run('UPDATE message SET login_id = ? WHERE id = ?', this.#loginId(parent.login), Number(only['id']));
    return String(only['instance']);
  }

  openSession(session: HintedSession): void {
    const { instance, pid, client, clientPort, login } = session;
    this.#run(
      'INSERT OR REPLACE INTO session (instance, pid, client, client_port, login_id) VALUES (?, ?, ?, ?, ?)',
      ...[instance, pid, client, clientPort ?? null, this.#loginId(login)],
    );
  }

  /** The smtpd serves nobody, or somebody new. */
  closeSessions(instance: string, pid: number): void {
    this.#run('DELETE FROM session WHERE instance = ? AND pid = ?', instance, pid);
  }

  cursor(file: string): unknown {
    const json = this.#get('SELECT json FROM cursor WHERE file = ?', file)?.['json'];
    return typeof json === 'string' ? JSON.parse(json) : undefined;
  }

  setCursor(file: string, cursor: unknown): void {
    this.#run('INSERT OR REPLACE INTO cursor (file, json) VALUES (?, ?)', file, JSON.stringify(cursor));
  }

  /** The account's messages still queued, newest first. */
  *idsOf(account: string): Generator<QueuedId> {
    const heads = this.#loginIdsOf(account).map((id) => this.#newest(id));
    const next = heads.map((rows) => rows.next());
    for (;;) {
      let best = -1;
      for (const [index, head] of next.entries()) {
        const chosen = next[best];
        if (head.done === true) continue;
        if (chosen === undefined || chosen.done === true || head.value.atMicros > chosen.value.atMicros) best = index;
      }
      const head = next[best];
      const rows = heads[best];
      if (head === undefined || head.done === true || rows === undefined) return;
      yield head.value.id;
      next[best] = rows.next();
    }
  }

  /**
   * Sessions that carried the account and are not known to have ended, newest first. Under a rule that is not ours (yet)
   * every login is read anew: the first order that a relay gets may be a kick.
   */
  sessionsOf(account: string, limit: number, rule = this.#rule): HintedSession[] {
    const sql = `SELECT instance, pid, client, client_port, text FROM session JOIN login ON login.id = login_id`;
    const rows =
      JSON.stringify(rule) === JSON.stringify(this.#rule)
        ? this.#all(`${sql} WHERE login.account = ? ORDER BY session.id DESC LIMIT ?`, account, limit)
        : this.#all(`${sql} ORDER BY session.id DESC`)
            .filter((row) => canonicalAccount(String(row['text']), rule) === account)
            .slice(0, limit);
    return rows.map((row) => ({
      instance: String(row['instance']),
      pid: Number(row['pid']),
      client: String(row['client']),
      login: String(row['text']),
      ...(row['client_port'] === null ? {} : { clientPort: Number(row['client_port']) }),
    }));
  }

  /** Forgets the oldest beyond the bounds; the number of messages forgotten. */
  prune(): number {
    this.#run('DELETE FROM session WHERE id <= (SELECT max(id) FROM session) - ?', maxSessions);
    if (this.#rows <= this.#maxRows) return 0;
    // A twentieth more than needed, so that it is not done for every batch.
    const surplus = this.#rows - this.#maxRows + Math.ceil(this.#maxRows / 20);
    const forgotten = this.#run(
      'DELETE FROM message WHERE id IN (SELECT id FROM message ORDER BY id LIMIT ?)',
      surplus,
    );
    this.#rows -= forgotten;
    this.#run(
      `DELETE FROM login WHERE NOT EXISTS (SELECT 1 FROM message WHERE login_id = login.id)
       AND NOT EXISTS (SELECT 1 FROM session WHERE login_id = login.id)`,
    );
    this.#loginIds.clear();
    return forgotten;
  }

  close(): void {
    this.#database.close();
  }

  #loginIdsOf(account: string): number[] {
    const rows = this.#all('SELECT id FROM login WHERE account = ? ORDER BY id DESC LIMIT ?', account, maxLogins);
    return rows.map((row) => Number(row['id']));
  }

  *#newest(loginId: number): Generator<{ id: QueuedId; atMicros: number }, undefined> {
    let before: [number, number] = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
    for (;;) {
      const rows = this.#all(
        `SELECT id, instance, queue_id, accepted_micros FROM message
         WHERE login_id = ? AND (accepted_micros, id) < (?, ?) ORDER BY accepted_micros DESC, id DESC LIMIT ?`,
        ...[loginId, ...before, pageRows],
      );
      for (const row of rows) {
        const atMicros = Number(row['accepted_micros']);
        yield { id: [String(row['instance']), String(row['queue_id'])], atMicros };
        before = [atMicros, Number(row['id'])];
      }
      if (rows.length < pageRows) return;
    }
  }

  #loginId(login: string): number {
    const known = this.#loginIds.get(login);
    if (known !== undefined) return known;
    const account = canonicalAccount(login, this.#rule) ?? '';
    this.#run('INSERT OR IGNORE INTO login (text, account) VALUES (?, ?)', login, account);
    const id = Number(this.#get('SELECT id FROM login WHERE text = ?', login)?.['id']);
    if (this.#loginIds.size >= 10_000) this.#loginIds.clear();
    this.#loginIds.set(login, id);
    return id;
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #run(sql: string, ...values: (string | number | null)[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  #get(sql: string, ...values: (string | number | null)[]): Record<string, SQLOutputValue> | undefined {
    return this.#prepared(sql).get(...values);
  }

  #all(sql: string, ...values: (string | number | null)[]): Record<string, SQLOutputValue>[] {
    return this.#prepared(sql).all(...values);
  }
}

/** Whether the index can keep a login; the others are exec's to find. */
export function isIndexable(login: string): boolean {
  return login.length <= maxLoginLength;
}
