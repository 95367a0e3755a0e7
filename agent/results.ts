import type { ResultMessage } from '../shared/wire/events.ts';
import type { FinalResponse } from './exec/protocol.ts';
import { type Log, reasonOf } from './log.ts';
import type { OwnActs } from './own-acts.ts';
import type { Sender } from './queue-client.ts';

/** Hands exec's final answers to the hub. Exec's journal is the spool: it repeats an answer until it is acknowledged. */
export class Results {
  readonly #relay: string;
  readonly #reports: Sender;
  readonly #ownActs: OwnActs;
  readonly #perform: (act: NonNullable<ReturnType<OwnActs['get']>>) => Promise<void>;
  readonly #log: Log;
  /** One after the other: a hub that is away is asked by one of them, not by all. */
  #last: Promise<boolean> = Promise.resolve(true);

  constructor(parts: {
    relay: string;
    reports: Sender;
    ownActs: OwnActs;
    perform: (act: NonNullable<ReturnType<OwnActs['get']>>) => Promise<void>;
    log: Log;
  }) {
    this.#relay = parts.relay;
    this.#reports = parts.reports;
    this.#ownActs = parts.ownActs;
    this.#perform = parts.perform;
    this.#log = parts.log;
  }

  /** @throws Error if the agent closes before the hub has it */
  async handOn(answer: FinalResponse): Promise<void> {
    const act = this.#ownActs.get(answer.id);
    const answered = act !== undefined && answer.state === 'done' ? await this.#done(answer, act) : answer;
    await this.#send({
      id: answered.id,
      state: answered.state,
      counts: answered.counts ?? {},
      proofs: answered.proofs ?? [],
      ...(answered.reason === undefined ? {} : { reason: answered.reason }),
    });
    if (act !== undefined) await this.#ownActs.forget(answer.id);
  }

  /** A message of the command queue that is no order. @throws Error if the agent closes before the hub has it */
  refuse(id: string, reason: string): Promise<void> {
    this.#log.warn({ id, reason }, 'refused what came by the command queue');
    return this.#send({ id: id.slice(0, 128), state: 'refused', reason, counts: {}, proofs: [] });
  }

  async #done(answer: FinalResponse, act: NonNullable<ReturnType<OwnActs['get']>>): Promise<FinalResponse> {
    try {
      await this.#perform(act);
      return answer;
    } catch (error) {
      return { ...answer, state: 'failed', reason: reasonOf(error) };
    }
  }

  async #send(result: Omit<ResultMessage, 'v' | 'kind' | 'relay' | 'at'>): Promise<void> {
    const message: ResultMessage = {
      v: 1,
      kind: 'result',
      relay: this.#relay,
      at: Date.now(),
      ...result,
      ...(result.reason === undefined ? {} : { reason: result.reason.slice(0, 2_000) }),
    };
    this.#last = this.#last.then(() => this.#reports.send(message));
    if (!(await this.#last)) throw new Error('the agent is closing');
  }
}
