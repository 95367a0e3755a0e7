import type { Postfix, PostsuperAct, QueueFile, QueueName, Session } from '../agent/exec/postfix.ts';
import { Maillog } from './maillog.ts';
import { type DeliveryPlan, SimulatedQueue } from './simulated-queue.ts';
import { SimulatedSmtpd } from './simulated-smtpd.ts';
import type { LabRelay, SessionOptions, SmtpSession } from './smtp-client.ts';

export interface SimulatedRelayOptions {
  /** `syslog_name` and host name. */
  readonly name: string;
  /** The file to log to; made or appended to. */
  readonly maillog: string;
  /** Logins as typed; one without `@` also works as `login@realm`, as in `startPostfix`. */
  readonly users: readonly { readonly login: string; readonly password: string }[];
  readonly realm: string;
  readonly longQueueIds?: boolean;
  /** Nothing is delivered where absent. */
  readonly delivery?: DeliveryPlan;
  /** Microseconds since the epoch; the machine's clock where absent. */
  readonly nowMicros?: () => number;
}

/**
 * A relay without Postfix and without root: a queue model behind exec's own port that logs as Postfix does. For the
 * demo on a machine without Postfix and for loads that real queues would take an hour to build; what real Postfix
 * does is shown on real Postfix.
 */
export class SimulatedRelay implements LabRelay, Postfix {
  readonly name: string;
  readonly instances: readonly string[];
  readonly maillog: string;
  private readonly log: Maillog;
  private readonly queue: SimulatedQueue;
  private readonly smtpd: SimulatedSmtpd;

  constructor(options: SimulatedRelayOptions) {
    const nowMicros = options.nowMicros ?? (() => (performance.timeOrigin + performance.now()) * 1000);
    this.name = options.name;
    this.instances = [options.name];
    this.maillog = options.maillog;
    this.log = new Maillog(options.maillog, options.name, nowMicros);
    const plan = options.delivery ?? { messagesPerSecond: 0, outcome: 'deferred' };
    this.queue = new SimulatedQueue(this.log, options.name, options.longQueueIds ?? true, plan, nowMicros);
    const passwords = new Map<string, string>();
    for (const { login, password } of options.users) {
      passwords.set(login, password);
      if (!login.includes('@')) passwords.set(`${login}@${options.realm}`, password);
    }
    this.smtpd = new SimulatedSmtpd(this.log, this.queue, options.name, passwords);
  }

  async openSession(options: Omit<SessionOptions, 'host' | 'port'>): Promise<SmtpSession> {
    return this.smtpd.open(options);
  }

  /** Messages in all queues. */
  get queued(): number {
    return this.queue.size;
  }

  setDelivery(plan: DeliveryPlan): void {
    this.queue.setDelivery(plan);
  }

  /** Ends sessions and timers, and completes the log. */
  async stop(): Promise<void> {
    this.smtpd.closeAll();
    this.queue.stop();
    this.log.close();
  }

  async inspect(instance: string, queueId: string): Promise<QueueFile | undefined> {
    this.check(instance);
    return this.queue.inspect(queueId);
  }

  async *scan(instance: string, queues: readonly QueueName[]): AsyncIterable<QueueFile> {
    this.check(instance);
    yield* this.queue.scan(queues);
  }

  async postsuper(instance: string, act: PostsuperAct, queueIds: readonly string[]): Promise<ReadonlySet<string>> {
    this.check(instance);
    return this.queue.postsuper(act, queueIds);
  }

  async writeMap(instance: string, entries: ReadonlyMap<string, string>): Promise<void> {
    this.check(instance);
    this.smtpd.writeMap(entries);
  }

  async readMap(instance: string): Promise<ReadonlyMap<string, string>> {
    this.check(instance);
    return this.smtpd.readMap();
  }

  async sessions(instance: string): Promise<readonly Session[]> {
    this.check(instance);
    return this.smtpd.sessions();
  }

  async destroy(session: Session): Promise<boolean> {
    this.check(session.instance);
    return this.smtpd.destroy(session);
  }

  /** The lines of `postqueue -j`, one message each. */
  async *postqueueJson(instance: string): AsyncIterable<string> {
    this.check(instance);
    yield* this.queue.json();
  }

  private check(instance: string): void {
    if (instance !== this.name) throw new Error(`no instance ${JSON.stringify(instance)} on relay ${this.name}`);
  }
}
