import { randomUUID } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { integer, optionalInteger, optionalText, type Row, text, transaction } from './database.ts';
import type { Queue } from './queues.ts';
import { SqsFault } from './sqs-fault.ts';

export interface Outgoing {
  readonly body: string;
  /** FIFO queues only, and there both are required. */
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
}

export interface Sent {
  readonly messageId: string;
  /** FIFO queues only. */
  readonly sequenceNumber?: string;
}

export interface Received {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  /** The principal whose key sent it. */
  readonly sender: string;
  readonly sentAtMs: number;
  readonly firstReceivedAtMs: number;
  /** This receive included. */
  readonly receiveCount: number;
  readonly groupId?: string;
  readonly deduplicationId?: string;
  readonly sequenceNumber?: string;
}

/** SQS's own span: the same deduplication ID in the same group is one message for five minutes. */
const deduplicationMs = 5 * 60_000;

/** Each send clears up to this many messages past their retention, so that clearing keeps up and costs no pause. */
const purgeBatch = 20;

/**
 * The life of a message: ready → in flight (received, invisible until `visible_at_ms`) → deleted, or ready again, or,
 * received as often as its queue allows, moved to the dead-letter queue at the next receive. Past its retention it is
 * as if it were not there. A group of a FIFO queue gives nothing while one of its messages is in flight.
 *
 * A message that nobody received has `visible_at_ms` 0 and not its time of sending: a clock set back hides no mail.
 */
export class Messages {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #insertBody: StatementSync;
  readonly #duplicate: StatementSync;
  readonly #remember: StatementSync;
  readonly #purgeMessages: StatementSync;
  readonly #purgeDuplicates: StatementSync;
  readonly #ready: StatementSync;
  readonly #readyFifo: StatementSync;
  readonly #body: StatementSync;
  readonly #take: StatementSync;
  readonly #move: StatementSync;
  readonly #find: StatementSync;
  readonly #delete: StatementSync;
  readonly #hide: StatementSync;
  readonly #nextVisible: StatementSync;
  readonly #depth: StatementSync;
  readonly #unhide: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#insert = db.prepare(
      `INSERT INTO message (queue, id, sender, group_id, deduplication_id, sent_at_ms, expires_at_ms, visible_at_ms)
       VALUES (:queue, :id, :sender, :groupId, :deduplicationId, :now, :expires, 0)`,
    );
    this.#insertBody = db.prepare('INSERT INTO message_body (sequence, body) VALUES (:sequence, :body)');
    this.#duplicate = db.prepare(
      `SELECT message_id, sequence FROM deduplication
       WHERE queue = :queue AND group_id = :groupId AND deduplication_id = :deduplicationId AND sent_at_ms > :since`,
    );
    this.#remember = db.prepare(
      `INSERT OR REPLACE INTO deduplication (queue, group_id, deduplication_id, message_id, sequence, sent_at_ms)
       VALUES (:queue, :groupId, :deduplicationId, :id, :sequence, :now)`,
    );
    this.#purgeMessages = db.prepare(
      `DELETE FROM message WHERE sequence IN
         (SELECT sequence FROM message WHERE expires_at_ms <= :now LIMIT ${purgeBatch})`,
    );
    this.#purgeDuplicates = db.prepare(
      `DELETE FROM deduplication WHERE (queue, group_id, deduplication_id) IN
         (SELECT queue, group_id, deduplication_id FROM deduplication WHERE sent_at_ms <= :since LIMIT ${purgeBatch})`,
    );
    const ready = 'queue = :queue AND visible_at_ms <= :now AND expires_at_ms > :now';
    this.#ready = db.prepare(`SELECT * FROM message WHERE ${ready} ORDER BY visible_at_ms, sequence LIMIT :limit`);
    // By sequence, told so: sorting the whole backlog for each receive is what SQLite would choose.
    this.#readyFifo = db.prepare(
      `SELECT * FROM message INDEXED BY message_by_sequence WHERE ${ready} AND NOT EXISTS (
         SELECT 1 FROM message AS other WHERE other.queue = :queue AND other.group_id = message.group_id
           AND other.visible_at_ms > :now AND other.expires_at_ms > :now)
       ORDER BY sequence LIMIT :limit`,
    );
    this.#body = db.prepare('SELECT body FROM message_body WHERE sequence = :sequence');
    this.#take = db.prepare(
      `UPDATE message SET visible_at_ms = :visible, received = received + 1, receipt = :receipt,
         first_received_at_ms = coalesce(first_received_at_ms, :now) WHERE sequence = :sequence`,
    );
    this.#move = db.prepare(
      `UPDATE message SET queue = :queue, visible_at_ms = 0, expires_at_ms = :expires, receipt = NULL
       WHERE sequence = :sequence`,
    );
    this.#find = db.prepare('SELECT receipt, visible_at_ms FROM message WHERE sequence = :sequence AND queue = :queue');
    this.#delete = db.prepare('DELETE FROM message WHERE sequence = :sequence');
    this.#hide = db.prepare('UPDATE message SET visible_at_ms = :visible WHERE sequence = :sequence');
    this.#nextVisible = db.prepare(
      'SELECT min(visible_at_ms) AS at FROM message WHERE queue = :queue AND visible_at_ms > :now',
    );
    this.#depth = db.prepare(
      `SELECT count(*) FILTER (WHERE visible_at_ms <= :now) AS ready, count(*) FILTER (WHERE visible_at_ms > :now)
         AS inFlight FROM message WHERE queue = :queue`,
    );
    this.#unhide = db.prepare('UPDATE message SET visible_at_ms = 0 WHERE queue = :queue AND visible_at_ms > :now');
  }

  /** Stores all of them; they are on the disk when this returns. A known deduplication ID gives the first one's id. */
  send(queue: Queue, sender: string, messages: readonly Outgoing[], now: number): Sent[] {
    return transaction(this.#db, () => {
      this.#purgeMessages.run({ now });
      this.#purgeDuplicates.run({ since: now - deduplicationMs });
      return messages.map((message) => this.#sendOne(queue, sender, message, now));
    });
  }

  #sendOne(queue: Queue, sender: string, message: Outgoing, now: number): Sent {
    const { groupId, deduplicationId } = message;
    const once = groupId === undefined || deduplicationId === undefined ? undefined : { groupId, deduplicationId };
    if (once !== undefined) {
      const first = this.#duplicate.get({ queue: queue.id, ...once, since: now - deduplicationMs });
      if (first !== undefined) return sent(queue, text(first, 'message_id'), integer(first, 'sequence'));
    }
    const id = randomUUID();
    const inserted = this.#insert.run({
      queue: queue.id,
      id,
      sender,
      groupId: groupId ?? null,
      deduplicationId: deduplicationId ?? null,
      now,
      expires: now + queue.retentionSeconds * 1000,
    });
    const sequence = Number(inserted.lastInsertRowid);
    this.#insertBody.run({ sequence, body: message.body });
    if (once !== undefined) this.#remember.run({ queue: queue.id, ...once, id, sequence, now });
    return sent(queue, id, sequence);
  }

  /**
   * Takes up to `limit` ready messages for `visibilitySeconds`. Those received too often move to `deadLetters` on the
   * way; `moved` counts them.
   */
  take(
    queue: Queue,
    deadLetters: Queue | undefined,
    limit: number,
    visibilitySeconds: number,
    now: number,
  ): { taken: Received[]; moved: number } {
    // Nearly every poll finds nothing: look before opening a write transaction.
    if (this.#readyRows(queue, 1, now).length === 0) return { taken: [], moved: 0 };
    return transaction(this.#db, () => {
      let moved = 0;
      for (;;) {
        const rows = this.#readyRows(queue, limit, now);
        const exhausted = rows.filter(
          (row) => deadLetters !== undefined && integer(row, 'received') >= (queue.deadLetter?.maxReceiveCount ?? 0),
        );
        if (deadLetters === undefined || exhausted.length === 0) {
          return { taken: rows.map((row) => this.#takeOne(queue, row, visibilitySeconds, now)), moved };
        }
        for (const row of exhausted) {
          // Its retention begins anew: a dead letter is there for someone to look at.
          const expires = now + deadLetters.retentionSeconds * 1000;
          this.#move.run({ queue: deadLetters.id, expires, sequence: integer(row, 'sequence') });
        }
        moved += exhausted.length;
      }
    });
  }

  #readyRows(queue: Queue, limit: number, now: number): Row[] {
    return (queue.fifo ? this.#readyFifo : this.#ready).all({ queue: queue.id, now, limit });
  }

  #takeOne(queue: Queue, row: Row, visibilitySeconds: number, now: number): Received {
    const sequence = integer(row, 'sequence');
    const receipt = randomUUID();
    this.#take.run({ sequence, receipt, visible: now + visibilitySeconds * 1000, now });
    const groupId = optionalText(row, 'group_id');
    const deduplicationId = optionalText(row, 'deduplication_id');
    return {
      messageId: text(row, 'id'),
      receiptHandle: `${sequence}.${receipt}`,
      body: text(this.#body.get({ sequence }) ?? {}, 'body'),
      sender: text(row, 'sender'),
      sentAtMs: integer(row, 'sent_at_ms'),
      firstReceivedAtMs: optionalInteger(row, 'first_received_at_ms') ?? now,
      receiveCount: integer(row, 'received') + 1,
      ...(groupId === undefined ? {} : { groupId }),
      ...(deduplicationId === undefined ? {} : { deduplicationId }),
      ...(queue.fifo ? { sequenceNumber: sequenceNumber(sequence) } : {}),
    };
  }

  /**
   * One outcome per handle. As on SQS: a message that is gone counts as deleted; on a standard queue the handle of an
   * earlier receive deletes nothing and says nothing; on a FIFO queue a handle ends with its visibility.
   */
  delete(queue: Queue, handles: readonly string[], now: number): (SqsFault | undefined)[] {
    return this.#each(handles, (handle) => {
      const held = this.#held(queue, handle);
      if (held === undefined) return;
      if (queue.fifo && (!held.latest || held.visibleAtMs <= now)) {
        throw new SqsFault('InvalidParameterValue', `The receipt handle ${JSON.stringify(handle)} has expired.`);
      }
      if (held.latest) this.#delete.run({ sequence: held.sequence });
    });
  }

  /** One outcome per entry: hides a message in flight for `seconds` from now; 0 gives it back at once. */
  changeVisibility(
    queue: Queue,
    entries: readonly { readonly receiptHandle: string; readonly seconds: number }[],
    now: number,
  ): (SqsFault | undefined)[] {
    return this.#each(entries, ({ receiptHandle, seconds }) => {
      const held = this.#held(queue, receiptHandle);
      if (held === undefined || !held.latest || held.visibleAtMs <= now) {
        throw new SqsFault('MessageNotInflight', `No message is in flight under ${JSON.stringify(receiptHandle)}.`);
      }
      this.#hide.run({ sequence: held.sequence, visible: now + seconds * 1000 });
    });
  }

  /** When the next message in flight comes back by itself. */
  nextVisibleAtMs(queue: Queue, now: number): number | undefined {
    return optionalInteger(this.#nextVisible.get({ queue: queue.id, now }) ?? { at: null }, 'at');
  }

  depth(queue: Queue, now: number): { ready: number; inFlight: number } {
    const row = this.#depth.get({ queue: queue.id, now }) ?? {};
    return { ready: integer(row, 'ready'), inFlight: integer(row, 'inFlight') };
  }

  returnInFlight(queue: Queue, now: number): number {
    return Number(this.#unhide.run({ queue: queue.id, now }).changes);
  }

  /** One transaction for all; a fault concerns its own entry only. */
  #each<T>(entries: readonly T[], act: (entry: T) => void): (SqsFault | undefined)[] {
    return transaction(this.#db, () =>
      entries.map((entry) => {
        try {
          act(entry);
          return undefined;
        } catch (error) {
          if (error instanceof SqsFault) return error;
          throw error;
        }
      }),
    );
  }

  /** @throws SqsFault where it is no handle of ours */
  #held(queue: Queue, handle: string): { sequence: number; latest: boolean; visibleAtMs: number } | undefined {
    const [, digits, receipt] = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(handle) ?? [];
    if (digits === undefined) {
      throw new SqsFault('ReceiptHandleIsInvalid', `${JSON.stringify(handle.slice(0, 100))} is no receipt handle.`);
    }
    const sequence = Number(digits);
    const row = this.#find.get({ sequence, queue: queue.id });
    if (row === undefined) return undefined;
    return { sequence, latest: optionalText(row, 'receipt') === receipt, visibleAtMs: integer(row, 'visible_at_ms') };
  }
}

function sent(queue: Queue, messageId: string, sequence: number): Sent {
  return queue.fifo ? { messageId, sequenceNumber: sequenceNumber(sequence) } : { messageId };
}

/** Twenty digits, as SQS's: they sort as text. */
function sequenceNumber(sequence: number): string {
  return String(sequence).padStart(20, '0');
}
