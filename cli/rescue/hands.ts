import { addCounts } from '../../agent/exec/effect-counts.ts';
import { Effects } from '../../agent/exec/effects.ts';
import type { Postfix, QueueFile } from '../../agent/exec/postfix.ts';
import type { EffectCounts } from '../../shared/wire/events.ts';
import { Counter } from './counter.ts';
import { RescueJournal } from './journal.ts';

/**
 * Exec's verified engine for one run by hand: journaled, its progress shown, ended by Ctrl-C after the batch under way.
 * `takes` narrows down what it touches.
 */
export class Hands {
  readonly #effects: Effects;
  readonly #journal: RescueJournal;
  readonly #counter = new Counter();
  readonly #onInterrupt = () => {
    this.#isInterrupted = true;
  };
  #isInterrupted = false;
  #counts: EffectCounts = {};
  takes: (file: QueueFile) => boolean = () => true;

  private constructor(postfix: Postfix, journal: RescueJournal) {
    this.#journal = journal;
    this.#effects = new Effects(postfix, journal);
    process.once('SIGINT', this.#onInterrupt);
  }

  /** What a killed run left between its two journal lines is settled first. @throws Failure where another is at work */
  static async ready(postfix: Postfix, stateDirectory: string): Promise<Hands> {
    const hands = new Hands(postfix, new RescueJournal(stateDirectory));
    await hands.#effects.settleInterrupted();
    return hands;
  }

  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  async act(...[jti, act, instance, files]: Parameters<Effects['act']>): Promise<EffectCounts> {
    const counts = await this.#effects.act(jti, act, instance, files.filter(this.takes));
    this.#counts = addCounts(this.#counts, counts);
    const { held = 0, released = 0, purged = 0 } = this.#counts;
    const done = held + released + purged;
    if (done > 0) this.#counter.show(() => `${act}: ${done} messages`);
    return counts;
  }

  close(): void {
    this.#counter.clear();
    process.removeListener('SIGINT', this.#onInterrupt);
    this.#journal.close();
  }
}
