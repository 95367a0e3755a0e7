import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { integer, optionalText, text } from './database.ts';
import { Messages, type Outgoing, type Received, type Sent } from './messages.ts';
import { SqsFault } from './sqs-fault.ts';

/** FIFO queues deduplicate and keep order per message group (SQS: DeduplicationScope `messageGroup`). */
export interface QueueAttributes {
  /** How long a received message stays hidden unless the receiver says otherwise. Default 30. */
  readonly visibilitySeconds?: number;
  /** Default four days, as on SQS. */
  readonly retentionSeconds?: number;
  /** Where a message goes that was received `maxReceiveCount` times and is ready again. */
  readonly deadLetter?: DeadLetter | undefined;
}

interface DeadLetter {
  readonly queue: string;
  readonly maxReceiveCount: number;
}

export interface Queue {
  readonly id: number;
  readonly name: string;
  /** By the name, as on SQS: it ends in `.fifo`. */
  readonly fifo: boolean;
  readonly visibilitySeconds: number;
  readonly retentionSeconds: number;
  readonly deadLetter?: DeadLetter;
  readonly createdAtMs: number;
}

export interface ReceiveRequest {
  /** 1 to 10. */
  readonly maxMessages: number;
  /** The queue's own where absent. */
  readonly visibilitySeconds?: number | undefined;
  /** How long to wait for the first message. */
  readonly waitSeconds: number;
  /** Ends the wait with nothing, and nothing is taken: the receiver is gone. */
  readonly signal: AbortSignal;
}

/** More waiting receivers on one queue than this are turned away, lest one key's holder uses up all connections. */
const maxWaitingPerQueue = 64;

/** The queues in the hub's file. What a call changed is on the disk when it returns. */
export class QueueStore {
  readonly #db: DatabaseSync;
  readonly #clock: () => number;
  readonly #messages: Messages;
  readonly #queue: StatementSync;
  /** Per queue name, what makes each waiting receiver look again. */
  readonly #waiting = new Map<string, Set<() => void>>();

  /** @param clock ms since the epoch */
  constructor(db: DatabaseSync, clock: () => number = Date.now) {
    this.#db = db;
    this.#clock = clock;
    this.#messages = new Messages(db);
    this.#queue = db.prepare('SELECT * FROM queue WHERE name = ?');
  }

  /**
   * Makes the queue, or gives the one that exists these attributes; what is in it stays.
   * @throws Error naming what SQS would not take: the name, a dead-letter queue that is missing or of the other kind
   */
  createQueue(name: string, attributes: QueueAttributes = {}): void {
    if (!/^[A-Za-z0-9_-]{1,75}(\.fifo)?$/.test(name)) {
      throw new Error(
        `queue name ${JSON.stringify(name)}: 1 to 75 letters, digits, - and _, then .fifo for a FIFO one`,
      );
    }
    const { visibilitySeconds = 30, retentionSeconds = 4 * 86_400, deadLetter } = attributes;
    if (deadLetter !== undefined) {
      if (this.queue(deadLetter.queue).fifo !== isFifo(name)) {
        throw new Error(`queue ${name} and its dead-letter queue ${deadLetter.queue} must both be FIFO, or neither`);
      }
      if (deadLetter.maxReceiveCount < 1) throw new Error(`queue ${name}: maxReceiveCount must be at least 1`);
    }
    this.#db
      .prepare(
        `INSERT INTO queue
           (name, fifo, visibility_seconds, retention_seconds, dead_letter_queue, max_receive_count, created_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET visibility_seconds = excluded.visibility_seconds,
           retention_seconds = excluded.retention_seconds, dead_letter_queue = excluded.dead_letter_queue,
           max_receive_count = excluded.max_receive_count`,
      )
      .run(
        name,
        isFifo(name) ? 1 : 0,
        visibilitySeconds,
        retentionSeconds,
        deadLetter?.queue ?? null,
        deadLetter?.maxReceiveCount ?? null,
        this.#clock(),
      );
  }

  /** @throws SqsFault QueueDoesNotExist */
  queue(name: string): Queue {
    const row = this.#queue.get(name);
    if (row === undefined) throw new SqsFault('QueueDoesNotExist', `There is no queue ${JSON.stringify(name)}.`);
    const deadLetterQueue = optionalText(row, 'dead_letter_queue');
    return {
      id: integer(row, 'id'),
      name: text(row, 'name'),
      fifo: integer(row, 'fifo') === 1,
      visibilitySeconds: integer(row, 'visibility_seconds'),
      retentionSeconds: integer(row, 'retention_seconds'),
      ...(deadLetterQueue === undefined
        ? {}
        : { deadLetter: { queue: deadLetterQueue, maxReceiveCount: integer(row, 'max_receive_count') } }),
      createdAtMs: integer(row, 'created_at_ms'),
    };
  }

  /** All or none. `sender` is the principal of the key that signed the request. */
  send(name: string, sender: string, messages: readonly Outgoing[]): Sent[] {
    const sent = this.#messages.send(this.queue(name), sender, messages, this.#clock());
    this.#wake(name);
    return sent;
  }

  /** Waits until there is a message, the wait is over, or the signal comes. */
  async receive(name: string, request: ReceiveRequest): Promise<Received[]> {
    const taken = this.#take(name, request, this.#clock());
    if (taken.length > 0 || request.waitSeconds <= 0) return taken;
    const line = this.#waiting.get(name) ?? new Set();
    if (line.size >= maxWaitingPerQueue) {
      throw new SqsFault('ServiceUnavailable', `${line.size} receivers wait on ${name} already.`);
    }
    this.#waiting.set(name, line);
    return await this.#wait(name, line, request);
  }

  #wait(name: string, line: Set<() => void>, request: ReceiveRequest): Promise<Received[]> {
    const deadlineMs = this.#clock() + request.waitSeconds * 1000;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const leave = (): void => {
        clearTimeout(timer);
        line.delete(look);
        request.signal.removeEventListener('abort', giveUp);
      };
      const giveUp = (): void => {
        leave();
        resolve([]);
      };
      const look = (): void => {
        try {
          // One reading for both: between two, a message could come back and neither take nor timer would see it.
          const now = this.#clock();
          const taken = this.#take(name, request, now);
          if (taken.length > 0 || now >= deadlineMs) {
            leave();
            resolve(taken);
            return;
          }
          const nextMs = this.#messages.nextVisibleAtMs(this.queue(name), now) ?? deadlineMs;
          clearTimeout(timer);
          timer = setTimeout(look, Math.min(nextMs, deadlineMs) - now);
        } catch (error) {
          leave();
          reject(error);
        }
      };
      line.add(look);
      request.signal.addEventListener('abort', giveUp);
      if (request.signal.aborted) giveUp();
      else look();
    });
  }

  #take(name: string, request: ReceiveRequest, now: number): Received[] {
    const queue = this.queue(name);
    const deadLetters = queue.deadLetter === undefined ? undefined : this.queue(queue.deadLetter.queue);
    const visibilitySeconds = request.visibilitySeconds ?? queue.visibilitySeconds;
    const { taken, moved } = this.#messages.take(queue, deadLetters, request.maxMessages, visibilitySeconds, now);
    if (moved > 0 && deadLetters !== undefined) this.#wake(deadLetters.name);
    return taken;
  }

  /** One outcome per handle; see {@link Messages.delete}. */
  delete(name: string, handles: readonly string[]): (SqsFault | undefined)[] {
    const outcomes = this.#messages.delete(this.queue(name), handles, this.#clock());
    // On a FIFO queue the rest of a group becomes ready.
    this.#wake(name);
    return outcomes;
  }

  /** One outcome per entry; see {@link Messages.changeVisibility}. */
  changeVisibility(
    name: string,
    entries: readonly { readonly receiptHandle: string; readonly seconds: number }[],
  ): (SqsFault | undefined)[] {
    const outcomes = this.#messages.changeVisibility(this.queue(name), entries, this.#clock());
    this.#wake(name);
    return outcomes;
  }

  /** Counts messages; walks the queue, so it is for people and gauges, not for each request. */
  depth(name: string): { ready: number; inFlight: number } {
    return this.#messages.depth(this.queue(name), this.#clock());
  }

  /**
   * Makes all messages in flight ready again; how many. For the start of a hub, on queues that only its own functions
   * read: whoever held them died with the last process, and nobody shall wait for their visibility to end.
   */
  returnInFlight(name: string): number {
    const returned = this.#messages.returnInFlight(this.queue(name), this.#clock());
    this.#wake(name);
    return returned;
  }

  #wake(name: string): void {
    for (const look of [...(this.#waiting.get(name) ?? [])]) look();
  }
}

function isFifo(name: string): boolean {
  return name.endsWith('.fifo');
}
