import * as z from 'zod';
import {
  heartbeatMessage,
  type Proof,
  proof,
  resultState,
  type SnapshotMessage,
  snapshotMessage,
} from '../wire/events.ts';
import type { Item, ItemTable, Json } from './item-table.ts';
import { keys, sorts } from './keys.ts';

/** What enrolment fixed about a relay. */
export const registration = z.object({
  relay: z.string(),
  /**
   * SQS SenderId of its messages (of a role: without the session), which the hub binds it to (I9). Absent where the
   * endpoint tells no principals.
   */
  senderId: z.string().optional(),
  /** IAM role that the relay assumes; absent where it has a key of its own. */
  role: z.string().optional(),
  commandQueueUrl: z.string(),
  enrolledAt: z.int(),
  /** Zone of log lines that carry none. */
  zone: z.string(),
});
export type Registration = z.infer<typeof registration>;

const status = z.object({
  /** Hub time of the last heartbeat. */
  heardAt: z.int(),
  /** The relay's clock minus the queue's send time. */
  clockOffsetMs: z.int(),
  heartbeat: heartbeatMessage,
});
export type RelayStatus = z.infer<typeof status>;

/** The desired state last issued to a relay. */
const issued = z.object({ generation: z.int(), digest: z.string(), sentAt: z.int() });
export type Issued = z.infer<typeof issued>;

/** An account on a relay, as the relay's own proofs show it. */
const accountOnRelay = z.object({
  relay: z.string(),
  /** The containment that the proofs are about, by its finding … */
  findingId: z.string().optional(),
  /** … and since when it is in force there, in ms of the relay's own clock. */
  since: z.int().optional(),
  at: z.int(),
  proofs: z.array(proof),
});
export type AccountOnRelay = z.infer<typeof accountOnRelay>;

/** A command as sent to one relay, and what became of it. */
export const commandRecord = z.object({
  jti: z.string(),
  relay: z.string(),
  account: z.string().optional(),
  act: z.string(),
  findingId: z.string().optional(),
  number: z.int(),
  sentAt: z.int(),
  actor: z.string(),
  state: z.enum(['pending', ...resultState.options]),
  reason: z.string().optional(),
  counts: z.record(z.string(), z.int()),
  doneAt: z.int().optional(),
});
export type CommandRecord = z.infer<typeof commandRecord>;

const commandRetentionSeconds = 90 * 24 * 3600;

const recentMs = 30_000;

/** No queue tells such a SenderId. */
const nobody = 'revoked';

/** Relays: registration, last heartbeat, desired state issued, command numbers, commands. One conditional write each. */
export class RelayStore {
  readonly #table: ItemTable;
  readonly #recent = new Map<string, { readonly registration: Registration; readonly readAtMs: number }>();

  constructor(table: ItemTable) {
    this.#table = table;
  }

  /** False if the relay is enrolled already. */
  enrol(relay: Registration): Promise<boolean> {
    return this.#table.put({ pk: keys.relays, sk: relay.relay, body: relay as Json }, 'absent');
  }

  /** Nobody may speak for it any more, though it is known still: its role, its queue. */
  async unbind(known: Registration): Promise<void> {
    await this.#table.put({ pk: keys.relays, sk: known.relay, body: { ...known, senderId: nobody } as Json });
  }

  revoke(relay: string): Promise<boolean> {
    return this.#table.delete(keys.relays, relay);
  }

  async get(relay: string): Promise<Registration | undefined> {
    return read(registration, await this.#table.get(keys.relays, relay));
  }

  /**
   * A registration as it was at most {@link recentMs} ago: every pack asks for one. Who is revoked meanwhile has no
   * credentials any more; one that is not there is looked for each time.
   */
  async recent(relay: string, nowMs: number): Promise<Registration | undefined> {
    const known = this.#recent.get(relay);
    if (known !== undefined && Math.abs(nowMs - known.readAtMs) < recentMs) return known.registration;
    const found = await this.get(relay);
    if (found === undefined) this.#recent.delete(relay);
    else this.#recent.set(relay, { registration: found, readAtMs: nowMs });
    return found;
  }

  async list(): Promise<Registration[]> {
    return (await queryAll(this.#table, keys.relays, '', '~')).map((item) => registration.parse(item.body));
  }

  async status(relay: string): Promise<RelayStatus | undefined> {
    return read(status, await this.#table.get(keys.relay(relay), sorts.status));
  }

  /** Overwrites: the newest heartbeat is the only one of interest. */
  async saveStatus(relay: string, body: RelayStatus): Promise<void> {
    await this.#table.put({ pk: keys.relay(relay), sk: sorts.status, body: body as Json });
  }

  async saveSnapshot(message: SnapshotMessage): Promise<void> {
    await this.#table.put({
      pk: keys.relay(message.relay),
      sk: sorts.snapshot(message.instance),
      body: message as Json,
    });
  }

  /** The last snapshot of each instance. */
  async snapshots(relay: string): Promise<SnapshotMessage[]> {
    const items = await queryAll(this.#table, keys.relay(relay), sorts.snapshot(''), sorts.snapshot('~'));
    return items.map((item) => snapshotMessage.parse(item.body));
  }

  async issued(relay: string): Promise<{ readonly issued: Issued; readonly version: number }> {
    const item = await this.#table.get(keys.relay(relay), sorts.desired);
    return { issued: read(issued, item) ?? { generation: 0, digest: '', sentAt: 0 }, version: item?.version ?? 0 };
  }

  /** False if somebody else issued one meanwhile: read again. */
  saveIssued(relay: string, body: Issued, version: number): Promise<boolean> {
    const item = { pk: keys.relay(relay), sk: sorts.desired, body, version: version + 1 };
    return this.#table.put(item, version === 0 ? 'absent' : { version });
  }

  /** The next command number for (relay, account): max(previous + 1, now), so that a restored hub stays ahead (I5). */
  async nextNumber(relay: string, account: string, nowMs: number): Promise<number> {
    const [pk, sk] = [keys.relay(relay), sorts.number(account)];
    for (;;) {
      const item = await this.#table.get(pk, sk);
      const version = item?.version ?? 0;
      const number = Math.max(version === 0 ? 0 : z.int().parse(item?.body) + 1, nowMs);
      const put = await this.#table.put(
        { pk, sk, body: number, version: version + 1 },
        version === 0 ? 'absent' : { version },
      );
      if (put) return number;
    }
  }

  async saveCommand(record: CommandRecord): Promise<void> {
    await this.#table.put(commandItem(record));
  }

  async command(relay: string, jti: string): Promise<CommandRecord | undefined> {
    return read(commandRecord, await this.#table.get(keys.relay(relay), sorts.command(jti)));
  }

  /** Overwrites with what the relay showed last. */
  async saveAccountOnRelay(account: string, body: AccountOnRelay): Promise<void> {
    await this.#table.put({ pk: keys.account(account), sk: sorts.onRelay(body.relay), body: body as Json });
  }

  async accountOnRelays(account: string): Promise<AccountOnRelay[]> {
    const items = await queryAll(this.#table, keys.account(account), sorts.onRelay(''), sorts.onRelay('~'));
    return items.map((item) => accountOnRelay.parse(item.body));
  }
}

export function commandItem(record: CommandRecord): Item {
  const expiresAtSeconds = Math.ceil(record.sentAt / 1000) + commandRetentionSeconds;
  return { pk: keys.relay(record.relay), sk: sorts.command(record.jti), body: record as Json, expiresAtSeconds };
}

/** Merges new proofs over older ones of the same statement. */
export function mergeProofs(known: readonly Proof[], fresh: readonly Proof[]): Proof[] {
  const byStatement = new Map(known.map((each) => [each.what, each]));
  for (const each of fresh) byStatement.set(each.what, each);
  return [...byStatement.values()];
}

export function read<T>(schema: z.ZodType<T>, item: Item | undefined): T | undefined {
  return item === undefined ? undefined : schema.parse(item.body);
}

export async function queryAll(table: ItemTable, pk: string, from: string, to: string): Promise<Item[]> {
  const items: Item[] = [];
  let after: string | undefined;
  do {
    const page = await table.query(pk, { from, to, limit: 500, ...(after !== undefined && { after }) });
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return items;
}
