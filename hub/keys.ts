import { randomBytes } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import * as z from 'zod';
import { text, transaction } from './database.ts';

/** What a key may do, named as IAM names it: a right to an action is one to its batch too. */
const queueAction = z.enum([
  'SendMessage',
  'ReceiveMessage',
  'DeleteMessage',
  'ChangeMessageVisibility',
  'GetQueueUrl',
  'GetQueueAttributes',
]);
export type QueueAction = z.infer<typeof queueAction>;

/** `queue` is a queue's name, or `*` for every one. */
const grant = z.strictObject({ queue: z.string(), actions: z.array(queueAction).readonly() }).readonly();
export type Grant = z.infer<typeof grant>;
const grantList = z.array(grant);

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Who sends with this key: SenderId of his messages (`relay:<name>`, `hub`). */
  readonly principal: string;
  readonly grants: readonly Grant[];
}

/** A rotation needs two: the old one works until the new one is in place. */
const maxKeysPerPrincipal = 2;

/** The hub's own functions: everything, on every queue. */
export const everyGrant: readonly Grant[] = [{ queue: '*', actions: queueAction.options }];

/** A relay: sends its events and reports, takes its own commands, and nothing else (I9). */
export function relayGrants(queues: { events: string; reports: string; commands: string }): Grant[] {
  const sends: QueueAction[] = ['SendMessage', 'GetQueueUrl', 'GetQueueAttributes'];
  const takes: QueueAction[] = [
    'ReceiveMessage',
    'DeleteMessage',
    'ChangeMessageVisibility',
    'GetQueueUrl',
    'GetQueueAttributes',
  ];
  return [
    { queue: queues.events, actions: sends },
    { queue: queues.reports, actions: sends },
    { queue: queues.commands, actions: takes },
  ];
}

export function allows(grants: readonly Grant[], queue: string, action: QueueAction): boolean {
  return grants.some((grant) => (grant.queue === '*' || grant.queue === queue) && grant.actions.includes(action));
}

/** The access keys of relays and of the hub's functions, in the hub's file. A change counts from the next request. */
export class AccessKeys {
  readonly #db: DatabaseSync;
  readonly #clock: () => number;
  readonly #lookup: StatementSync;

  /** @param clock ms since the epoch */
  constructor(db: DatabaseSync, clock: () => number = Date.now) {
    this.#db = db;
    this.#clock = clock;
    this.#lookup = db.prepare('SELECT id, secret, principal, grants FROM access_key WHERE id = ?');
  }

  /** @throws Error where the principal has two already: a rotation revokes the old one first. */
  createAccessKey(principal: string, grants: readonly Grant[]): AccessKey {
    // Not AKIA…: nobody, and no secret scanner, shall take it for a key of AWS.
    const accessKeyId = `HF${base32(randomBytes(18))}`;
    const secretAccessKey = randomBytes(30).toString('base64url');
    return transaction(this.#db, () => {
      const existing = this.keysOf(principal);
      if (existing.length >= maxKeysPerPrincipal) {
        throw new Error(`${principal} has ${existing.length} access keys (${existing.join(', ')}): revoke one first`);
      }
      this.#db
        .prepare('INSERT INTO access_key (id, secret, principal, grants, created_at_ms) VALUES (?, ?, ?, ?, ?)')
        .run(accessKeyId, secretAccessKey, principal, JSON.stringify(grants), this.#clock());
      return { accessKeyId, secretAccessKey, principal, grants };
    });
  }

  /** False where there is no such key (any more). */
  revokeAccessKey(accessKeyId: string): boolean {
    return this.#db.prepare('DELETE FROM access_key WHERE id = ?').run(accessKeyId).changes > 0;
  }

  /** The ids of a principal's keys, oldest first. */
  keysOf(principal: string): string[] {
    const rows = this.#db
      .prepare('SELECT id FROM access_key WHERE principal = ? ORDER BY created_at_ms, rowid')
      .all(principal);
    return rows.map((row) => text(row, 'id'));
  }

  lookup(accessKeyId: string): AccessKey | undefined {
    const row = this.#lookup.get(accessKeyId);
    if (row === undefined) return undefined;
    return {
      accessKeyId: text(row, 'id'),
      secretAccessKey: text(row, 'secret'),
      principal: text(row, 'principal'),
      grants: grantList.parse(JSON.parse(text(row, 'grants'))),
    };
  }
}

/** One character a byte (RFC 4648 alphabet), five random bits each. */
function base32(bytes: Uint8Array): string {
  return [...bytes].map((byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.charAt(byte % 32)).join('');
}
