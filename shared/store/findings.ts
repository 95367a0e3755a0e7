import * as z from 'zod';
import { type Containment, containment, type Finding, finding } from '../decide/finding.ts';
import type { Item, ItemTable, Json, Write } from './item-table.ts';
import { dayOf, keys, sorts, time } from './keys.ts';
import { announcementWrite, type FindingEvent, type OutboxEntry, outboxWrite } from './outbox.ts';
import { type CommandRecord, commandItem, queryAll, read } from './relays.ts';

const accountState = z.object({
  /** The account's last finding … */
  findingId: z.string(),
  /** … and, once it was undone or closed, when: only what came after counts anew. */
  endedAt: z.int().optional(),
});

/** What an account's own item says. */
export interface AccountFinding {
  /** The finding that is neither undone nor closed. */
  readonly open?: Versioned<Finding>;
  readonly endedAt?: number;
  /** Version of the account's item, 0 where there is none: guards that one finding at a time is open. */
  readonly accountVersion: number;
}
const retentionSeconds = 400 * 24 * 3600;

export interface Versioned<T> {
  readonly value: T;
  readonly version: number;
}

/** One act of a person or of the hub, for the audit trail. */
export interface AuditEntry {
  readonly at: number;
  readonly actor: string;
  readonly what: string;
  readonly subject: string;
  readonly detail: string;
}

/** What changes together with a finding, in one transaction. */
export interface Change {
  readonly finding: Finding;
  /** Version of the finding that was read; 0 for a new one. */
  readonly version: number;
  /** From {@link AccountFinding}; absent where the account's item stays as it is: an entry in the history. */
  readonly accountVersion?: number;
  /** Puts a containment in force, or (`null`) lifts the account's. */
  readonly containment?: Containment | null;
  readonly outbox: readonly OutboxEntry[];
  readonly audit: AuditEntry;
  /** What became of an order, told in the finding's history: both or neither. */
  readonly command?: CommandRecord;
  /** Unique: names the outbox item and the audit entry. */
  readonly id: string;
}

/** Findings, the one open finding per account, containments, audit. A finding's id begins with its UTC day. */
export class FindingStore {
  readonly #table: ItemTable;

  constructor(table: ItemTable) {
    this.#table = table;
  }

  async get(id: string): Promise<Versioned<Finding> | undefined> {
    const item = await this.#table.get(keys.finding(id.slice(0, 10)), id);
    const value = read(finding, item);
    return value === undefined ? undefined : { value, version: item?.version ?? 0 };
  }

  async ofAccount(account: string): Promise<AccountFinding> {
    const item = await this.#table.get(keys.account(account), sorts.finding);
    const state = read(accountState, item);
    const accountVersion = item?.version ?? 0;
    if (state === undefined) return { accountVersion };
    if (state.endedAt !== undefined) return { accountVersion, endedAt: state.endedAt };
    const open = await this.get(state.findingId);
    return { accountVersion, ...(open !== undefined && { open }) };
  }

  /** Findings opened on one UTC day, newest first. */
  async ofDay(day: string): Promise<Finding[]> {
    return (await queryAll(this.#table, keys.finding(day), '', '~')).map((item) => finding.parse(item.body)).reverse();
  }

  async containments(): Promise<Containment[]> {
    return (await queryAll(this.#table, keys.containments, '', '~')).map((item) => containment.parse(item.body));
  }

  async containmentOf(account: string): Promise<Containment | undefined> {
    return read(containment, await this.#table.get(keys.containments, account));
  }

  /** Queues orders that no finding caused: a relay's desired state after it was away. */
  async writeOutbox(entries: readonly OutboxEntry[], subject: string, nowMs: number, id: string): Promise<void> {
    await this.#table.transact([outboxWrite(entries, subject, nowMs, id)]);
  }

  /** All or nothing. False if the finding changed meanwhile, or the account has an open one already. */
  save(change: Change): Promise<boolean> {
    const { finding: value, version, accountVersion, audit } = change;
    const ended = value.state === 'undone' || value.state === 'closed';
    const writes: Write[] = [
      { put: findingItem(value, version + 1), condition: version === 0 ? 'absent' : { version } },
      auditWrite(audit, change.id),
    ];
    if (accountVersion !== undefined && (version === 0 || ended)) {
      const body = { findingId: value.id, ...(ended && { endedAt: audit.at }) };
      const put = { pk: keys.account(value.account), sk: sorts.finding, body, version: accountVersion + 1 };
      writes.push({ put, condition: accountVersion === 0 ? 'absent' : { version: accountVersion } });
    }
    if (change.containment === null) writes.push({ delete: { pk: keys.containments, sk: value.account } });
    else if (change.containment !== undefined) {
      writes.push({ put: { pk: keys.containments, sk: value.account, body: change.containment as Json } });
    }
    if (change.command !== undefined) writes.push({ put: commandItem(change.command) });
    if (change.outbox.length > 0) writes.push(outboxWrite(change.outbox, value.account, audit.at, change.id));
    if (told.has(audit.what)) writes.push(announcementWrite(eventOf(value, audit), change.id));
    return this.#table.transact(writes);
  }

  async audit(day: string): Promise<AuditEntry[]> {
    return (await queryAll(this.#table, keys.audit(day), '', '~')).map((item) => auditEntry.parse(item.body));
  }

  /** An act without a finding (enrolment). Appends once per id. */
  async writeAudit(entry: AuditEntry, id: string): Promise<void> {
    await this.#table.transact([auditWrite(entry, id)]);
  }
}

/** `2026-11-25-4f9c2a`: the day finds the partition, so an id is enough to read a finding. */
export function findingId(nowMs: number, id: string): string {
  return `${dayOf(nowMs)}-${id}`;
}

function findingItem(value: Finding, version: number): Item {
  const expiresAtSeconds = Math.ceil(value.openedAt / 1000) + retentionSeconds;
  return { pk: keys.finding(value.id.slice(0, 10)), sk: value.id, body: value as Json, version, expiresAtSeconds };
}

/** What a person wants to hear of; the rest stands in the history. */
const told: ReadonlySet<string> = new Set(['opened', 'escaped', 'approved', 'undone', 'ended']);

function eventOf(value: Finding, { what, detail, actor, at }: AuditEntry): FindingEvent {
  const { id, account, severity, rule, response, state } = value;
  return { finding: id, account, severity, rule, response, state, what, detail, actor, at };
}

const auditEntry = z.object({
  at: z.int(),
  actor: z.string(),
  what: z.string(),
  subject: z.string(),
  detail: z.string(),
});

function auditWrite(entry: AuditEntry, id: string): Write {
  const body = { ...entry };
  const expiresAtSeconds = Math.ceil(entry.at / 1000) + retentionSeconds;
  return { put: { pk: keys.audit(dayOf(entry.at)), sk: `${time(entry.at)}#${id}`, body, expiresAtSeconds } };
}
