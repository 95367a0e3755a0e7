import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { type AccountRule, canonicalAccount } from '../shared/account/account.ts';
import { type Order, order } from '../shared/wire/orders.ts';
import { maxLineBytes, type Request } from './exec/protocol.ts';
import { type ExecClient, ownIdMark } from './exec-client.ts';
import type { Hints } from './hints.ts';
import type { InForce } from './in-force.ts';
import type { IndexStore, QueuedId } from './index-store.ts';
import { type Log, reasonOf, Trouble } from './log.ts';
import { OwnActs } from './own-acts.ts';
import { Backoff, pause } from './pause.ts';
import { explain } from './queue-client.ts';
import type { Results } from './results.ts';

/** What the protocol lets a request carry. */
const maxCandidateIds = 5_000;
const maxCandidateSessions = 500;
/** Room in a line for everything but the order and its candidates. */
const spareBytes = 4_096;
const maxOrderBytes = maxLineBytes - spareBytes;
const waitSeconds = 20;
/**
 * An order that a killed agent had in hand comes again after this long, and those of its group behind it wait so long.
 * Exec journals within milliseconds; an order carried twice is the same order, so too short costs nothing.
 */
const inHandSeconds = 5;

/**
 * Carries the relay's command queue to exec. The agent believes nothing in it: it reads the payload only to add hints,
 * and exec verifies the signature. A message is deleted as soon as exec has journaled it; until then the queue keeps it.
 * FIFO: after one that exec could not take, the rest of the batch waits too.
 */
export class Receiver {
  readonly #client: SQSClient;
  readonly #queueUrl: string;
  readonly #exec: ExecClient;
  readonly #store: IndexStore;
  readonly #inForce: InForce;
  readonly #hints: Hints;
  readonly #ownActs: OwnActs;
  readonly #results: Results;
  readonly #signal: AbortSignal;
  readonly #onRule: (rule: AccountRule) => void;
  readonly #trouble: Trouble;
  readonly #carryTrouble: Trouble;

  constructor(parts: {
    client: SQSClient;
    queueUrl: string;
    exec: ExecClient;
    store: IndexStore;
    inForce: InForce;
    hints: Hints;
    ownActs: OwnActs;
    results: Results;
    signal: AbortSignal;
    log: Log;
    /** The hub's rule for accounts, from an order that exec has verified. */
    onRule?: (rule: AccountRule) => void;
  }) {
    this.#client = parts.client;
    this.#queueUrl = parts.queueUrl;
    this.#exec = parts.exec;
    this.#store = parts.store;
    this.#inForce = parts.inForce;
    this.#hints = parts.hints;
    this.#ownActs = parts.ownActs;
    this.#results = parts.results;
    this.#signal = parts.signal;
    this.#onRule = parts.onRule ?? (() => undefined);
    this.#trouble = new Trouble(parts.log, `receiving from ${parts.queueUrl}`);
    this.#carryTrouble = new Trouble(parts.log, 'carrying an order to exec');
  }

  /** Until the signal. */
  async run(): Promise<void> {
    const backoff = new Backoff();
    while (!this.#signal.aborted) {
      // Without exec an order would only be taken out of the queue to lie here.
      if (!this.#exec.isConnected) {
        await pause(100, this.#signal);
        continue;
      }
      try {
        const batch = await this.#receive();
        this.#trouble.over();
        if (await this.#carryAll(batch)) backoff.reset();
        else await pause(backoff.nextMs(), this.#signal);
      } catch (error) {
        if (this.#signal.aborted) return;
        this.#trouble.says(explain(error));
        await pause(backoff.nextMs(), this.#signal);
      }
    }
  }

  async #receive(): Promise<Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#queueUrl,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: waitSeconds,
      VisibilityTimeout: inHandSeconds,
    });
    const { Messages } = await this.#client.send(command, { abortSignal: this.#signal });
    return Messages ?? [];
  }

  /**
   * False if exec did not take one: it and those behind it come again. One that the queue would not delete comes again
   * too, and is known then: a hub that went away keeps no order in hand from exec.
   */
  async #carryAll(batch: readonly Message[]): Promise<boolean> {
    let failure: unknown;
    for (const [index, message] of batch.entries()) {
      try {
        await this.#carry(message);
        this.#carryTrouble.over();
      } catch (error) {
        if (!this.#signal.aborted) this.#carryTrouble.says(reasonOf(error));
        for (const later of batch.slice(index)) await this.#putBack(later);
        return false;
      }
      await this.#delete(message).catch((error: unknown) => {
        failure = error;
      });
    }
    if (failure !== undefined) throw failure;
    return true;
  }

  /** Returns when somebody else answers for the message. */
  async #carry(message: Message): Promise<void> {
    const jws = message.Body ?? '';
    const read = readOrder(jws);
    if (typeof read === 'string') return this.#results.refuse(message.MessageId ?? 'unknown', read);
    if (read.kind === 'command' && OwnActs.isOwn(read)) await this.#ownActs.note(read);
    const before = this.#store.rule;
    const request = this.#request(read, jws);
    const answer = await this.#exec.order(request);
    if (answer.state === 'busy') throw new Error(`exec cannot take orders: ${answer.reason ?? 'busy'}`);
    if (answer.state === 'refused' || answer.state === 'expired') {
      // Exec keeps no record of what it refused at the door: the queue does, until the hub knows.
      if (!(await this.#exec.handedOn(read.jti))) throw new Error('the refusal is not reported yet');
      return;
    }
    await this.#taken(read, request, JSON.stringify(before));
  }

  /** Exec has verified it: now the agent may believe it. */
  async #taken(read: Order, request: Request, ruleBefore: string): Promise<void> {
    if (read.accountRule !== undefined) {
      this.#store.setRule(read.accountRule);
      this.#onRule(this.#store.rule);
    }
    if (read.kind !== 'desired') return;
    const isRuleNew = JSON.stringify(this.#store.rule) !== ruleBefore;
    const given = 'jws' in request ? (request.candidateIds?.length ?? 0) : 0;
    const added = await this.#inForce.take(read);
    // All that did not fit into the order, or was not known to be the account's.
    for (const account of added) if (isRuleNew || given >= maxCandidateIds) this.#hints.account(account);
  }

  #request(read: Order, jws: string): Extract<Request, { jws: string }> {
    const nowMs = Date.now();
    const accounts =
      read.kind === 'command'
        ? [read.account].filter((account) => account !== undefined)
        : read.entries.map((entry) => entry.account).filter((account) => !this.#isContained(account, nowMs));
    const ids = this.#newest(accounts, maxOrderBytes - Buffer.byteLength(jws));
    const kick = read.kind === 'command' && read.act === 'kick' ? accounts : [];
    const sessions = kick.flatMap((account) => this.#store.sessionsOf(account, maxCandidateSessions, read.accountRule));
    return {
      id: read.jti,
      jws,
      ...(ids.length === 0 ? {} : { candidateIds: ids }),
      ...(sessions.length === 0 ? {} : { candidateSessions: sessions }),
    };
  }

  #isContained(account: string, nowMs: number): boolean {
    return this.#inForce.has(account, this.#store.rule, nowMs);
  }

  /** The accounts' newest messages, as many as an order's line has room for. */
  #newest(accounts: readonly string[], roomBytes: number): QueuedId[] {
    const ids: QueuedId[] = [];
    let leftBytes = roomBytes;
    for (const account of accounts) {
      for (const id of this.#store.idsOf(canonicalAccount(account, this.#store.rule) ?? account)) {
        leftBytes -= Buffer.byteLength(JSON.stringify(id)) + 1;
        if (ids.length >= maxCandidateIds || leftBytes < 0) return ids;
        ids.push(id);
      }
    }
    return ids;
  }

  async #delete({ ReceiptHandle }: Message): Promise<void> {
    await this.#client.send(new DeleteMessageCommand({ QueueUrl: this.#queueUrl, ReceiptHandle }));
  }

  /** Best effort: otherwise it comes again when its visibility ends. */
  async #putBack({ ReceiptHandle }: Message): Promise<void> {
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl: this.#queueUrl,
      ReceiptHandle,
      VisibilityTimeout: 0,
    });
    await this.#client.send(command).catch(() => undefined);
  }
}

/** The order in a message, unverified, or what is wrong with it. */
function readOrder(jws: string): Order | string {
  if (Buffer.byteLength(jws) > maxOrderBytes) return `an order of more than ${maxOrderBytes} bytes`;
  const [, payload, signature, ...rest] = jws.split('.');
  if (payload === undefined || signature === undefined || signature === '' || rest.length > 0) {
    return 'unsigned: not a compact JWS of three parts';
  }
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return 'the payload is no JSON';
  }
  const parsed = order.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `the payload is no order: ${issue?.path.join('.')}: ${issue?.message}`;
  }
  return parsed.data.jti.startsWith(ownIdMark) ? `an order's id may not begin with ${ownIdMark}` : parsed.data;
}
