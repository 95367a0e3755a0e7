import type { PostsuperAct, QueueFile, QueueName } from '../agent/exec/postfix.ts';
import type { Maillog } from './maillog.ts';
import { longQueueId, shortQueueId } from './queue-id.ts';

/** What becomes of mail: so many messages a second are tried, oldest first; 0 tries none, Infinity all at once. */
export interface DeliveryPlan {
  readonly messagesPerSecond: number;
  readonly outcome: 'sent' | 'deferred';
}

export interface Accepted {
  readonly login: string;
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly client: string;
  readonly clientPort: number;
  readonly sizeBytes: number;
  readonly messageId: string;
  readonly smtpdPid: number;
  /** The access map answered HOLD. */
  readonly held: boolean;
}

interface Message extends Accepted {
  readonly queueId: string;
  readonly inode: number;
  readonly createdAtMicros: number;
  queue: QueueName;
}

const tickMs = 50;
const acts = {
  hold: { line: 'placed on hold', total: 'Placed on hold' },
  release: { line: 'released from hold', total: 'Released from hold' },
  purge: { line: 'removed', total: 'Deleted' },
} as const;
const deferReason = 'connect to 127.0.0.1[127.0.0.1]:2600: Connection refused';

/**
 * The queue of one simulated instance: messages in memory, the log lines of cleanup, qmgr, smtp and postsuper.
 * A message that a delivery agent already has in hand is not modelled: what is held is never sent.
 */
export class SimulatedQueue {
  private readonly messages = new Map<string, Message>();
  private readonly freeInodes: number[] = [];
  private readonly log: Maillog;
  private readonly instance: string;
  private readonly longIds: boolean;
  private readonly nowMicros: () => number;
  private nextInode = 0x2143cb;
  private plan: DeliveryPlan;
  /** Messages in active, in order of arrival; those moved or removed since are skipped. */
  private waiting: Message[] = [];
  private waitingFrom = 0;
  private timer: NodeJS.Timeout | undefined;
  private lastTickMicros = 0;
  private credit = 0;
  private nextPostsuperPid = 90_000;

  constructor(log: Maillog, instance: string, longIds: boolean, plan: DeliveryPlan, nowMicros: () => number) {
    this.log = log;
    this.instance = instance;
    this.longIds = longIds;
    this.plan = plan;
    this.nowMicros = nowMicros;
  }

  get size(): number {
    return this.messages.size;
  }

  /** Takes a message whose DATA is complete; the queue ID. */
  accept(accepted: Accepted): string {
    const inode = this.freeInodes.pop() ?? this.nextInode++;
    const createdAtMicros = Math.floor(this.nowMicros());
    const queueId = (this.longIds ? longQueueId : shortQueueId)(createdAtMicros, inode);
    const message: Message = { ...accepted, queueId, inode, createdAtMicros, queue: 'incoming' };
    this.messages.set(queueId, message);
    const client = `client=unknown[${accepted.client}]:${accepted.clientPort}`;
    const login = `sasl_method=PLAIN, sasl_username=${accepted.login}`;
    this.log.line('smtpd', accepted.smtpdPid, `${queueId}: ${client}, ${login}`);
    this.log.line('cleanup', 202, `${queueId}: message-id=<${accepted.messageId}>`);
    if (accepted.held) message.queue = 'hold';
    else this.activate(message);
    return queueId;
  }

  setDelivery(plan: DeliveryPlan): void {
    this.plan = plan;
    for (const message of this.messages.values()) if (message.queue === 'deferred') this.activate(message);
    this.wake();
  }

  inspect(queueId: string): QueueFile | undefined {
    const message = this.messages.get(queueId);
    return message === undefined ? undefined : this.file(message);
  }

  *scan(queues: readonly QueueName[]): Generator<QueueFile> {
    for (const message of this.messages.values()) if (queues.includes(message.queue)) yield this.file(message);
  }

  postsuper(act: PostsuperAct, queueIds: readonly string[]): Set<string> {
    const pid = this.nextPostsuperPid++;
    const changed = new Set<string>();
    const released: Message[] = [];
    for (const queueId of queueIds) {
      const message = this.messages.get(queueId);
      if (message === undefined || (message.queue === 'hold') === (act === 'hold')) continue;
      changed.add(queueId);
      this.log.line('postsuper', pid, `${queueId}: ${acts[act].line}`);
      if (act === 'hold') message.queue = 'hold';
      else if (act === 'purge') this.forget(message);
      else {
        message.queue = 'deferred';
        released.push(message);
      }
    }
    const count = `${changed.size} message${changed.size === 1 ? '' : 's'}`;
    if (changed.size > 0) this.log.line('postsuper', pid, `${acts[act].total}: ${count}`);
    for (const message of released) this.activate(message);
    return changed;
  }

  /** Lines as `postqueue -j` prints them, one message each. */
  *json(): Generator<string> {
    for (const message of this.messages.values()) {
      yield JSON.stringify({
        queue_name: message.queue,
        queue_id: message.queueId,
        arrival_time: Math.floor(message.createdAtMicros / 1e6),
        message_size: message.sizeBytes,
        forced_expire: false,
        sender: message.sender === '' ? 'MAILER-DAEMON' : message.sender,
        recipients: message.recipients.map((address) =>
          message.queue === 'deferred' ? { address, delay_reason: deferReason } : { address },
        ),
      });
    }
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.plan = { ...this.plan, messagesPerSecond: 0 };
  }

  private activate(message: Message): void {
    message.queue = 'active';
    const { queueId, sender, sizeBytes, recipients } = message;
    const text = `${queueId}: from=<${sender}>, size=${sizeBytes}, nrcpt=${recipients.length} (queue active)`;
    this.log.line('qmgr', 203, text);
    this.waiting.push(message);
    this.wake();
  }

  private wake(): void {
    if (this.timer !== undefined || this.plan.messagesPerSecond <= 0 || this.waitingFrom >= this.waiting.length) return;
    this.lastTickMicros = this.nowMicros();
    this.timer = setTimeout(() => this.tick(), tickMs);
  }

  private tick(): void {
    this.timer = undefined;
    const elapsedSeconds = (this.nowMicros() - this.lastTickMicros) / 1e6;
    const earned = this.plan.messagesPerSecond * Math.max(elapsedSeconds, tickMs / 1000);
    this.credit = Math.min(this.credit + earned, Math.max(1, earned));
    while (this.credit >= 1 && this.waitingFrom < this.waiting.length) {
      const message = this.waiting[this.waitingFrom++];
      // Held and released again it waits twice; the first turn takes it out of active, the second skips it.
      if (message === undefined || message.queue !== 'active' || !this.messages.has(message.queueId)) continue;
      this.credit -= 1;
      this.deliver(message);
    }
    if (this.waitingFrom > 10_000 || this.waitingFrom === this.waiting.length) {
      this.waiting = this.waiting.slice(this.waitingFrom);
      this.waitingFrom = 0;
    }
    this.wake();
  }

  private deliver(message: Message): void {
    const seconds = Math.max(0, (this.nowMicros() - message.createdAtMicros) / 1e6);
    const delay = seconds < 10 ? Number(seconds.toFixed(2)) : Math.round(seconds);
    const sent = this.plan.outcome === 'sent';
    const result = sent
      ? `relay=127.0.0.1[127.0.0.1]:2600, delay=${delay}, delays=${delay}/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok)`
      : `relay=none, delay=${delay}, delays=${delay}/0/0/0, dsn=4.4.1, status=deferred (${deferReason})`;
    for (const to of message.recipients) this.log.line('smtp', 204, `${message.queueId}: to=<${to}>, ${result}`);
    if (sent) {
      this.log.line('qmgr', 203, `${message.queueId}: removed`);
      this.forget(message);
    } else message.queue = 'deferred';
  }

  private forget(message: Message): void {
    this.messages.delete(message.queueId);
    this.freeInodes.push(message.inode);
  }

  private file(message: Message): QueueFile {
    return {
      instance: this.instance,
      queueId: message.queueId,
      queue: message.queue,
      login: message.login,
      createdAtMicros: message.createdAtMicros,
      sender: message.sender,
      client: message.client,
      logIdent: message.queueId,
      complete: true,
    };
  }
}
