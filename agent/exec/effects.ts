import type { EffectCounts } from '../../shared/wire/events.ts';
import { addCounts } from './effect-counts.ts';
import type { Ledger } from './ledger.ts';
import type { Batch, OpenBatch } from './ledger-entry.ts';
import type { Postfix, PostsuperAct, QueueFile } from './postfix.ts';

/** IDs per run of postsuper: some 70 ms of work, so that an undo or another account never waits long. */
export const batchSize = 2000;

/** Where batches are written down around their effect. */
export type BatchJournal = Pick<Ledger, 'began' | 'did' | 'openBatches'>;

/**
 * The only hands that change a queue. Every batch is journaled before and after; what a kill leaves in between is
 * settled at the next start by looking at the files. A message is named by ID and time of creation (I3), which no
 * other message on the instance shares.
 */
export class Effects {
  readonly #postfix: Postfix;
  readonly #ledger: BatchJournal;

  constructor(postfix: Postfix, ledger: BatchJournal) {
    this.#postfix = postfix;
    this.#ledger = ledger;
  }

  /**
   * Applies an act to messages of one instance that the caller saw in their queue files.
   * `release` and `purge` take messages seen in the hold queue: there no file can be replaced by another.
   * @returns what changed; `left` are those that are still where they were
   * @throws Error if a release or purge cannot be journaled (then nothing was touched), or if postsuper fails
   */
  async act(jti: string, act: PostsuperAct, instance: string, files: readonly QueueFile[]): Promise<EffectCounts> {
    let total: EffectCounts = {};
    for (let start = 0; start < files.length; start += batchSize) {
      const slice = files.slice(start, start + batchSize);
      const batch: Batch = { act, instance, files: slice.map((file) => [file.queueId, file.createdAtMicros]) };
      const open = this.#begin(jti, batch);
      const changed = await this.#postfix.postsuper(instance, act, [...new Set(batch.files.map(([id]) => id))]);
      const counts = await this.#settle(batch, changed);
      if (open !== undefined) this.#ledger.did(open, counts);
      total = addCounts(total, counts);
    }
    return total;
  }

  /** After a start: decides from the files how far the interrupted batches got, and writes it down. */
  async settleInterrupted(): Promise<void> {
    for (const open of this.#ledger.openBatches()) {
      this.#ledger.did(open, await this.#settle(open.batch, undefined));
    }
  }

  #begin(jti: string, batch: Batch): OpenBatch | undefined {
    try {
      return this.#ledger.began(jti, batch);
    } catch (error) {
      // A full disk must not stop containment: a hold is reversible, and a sweep finds it again.
      if (batch.act === 'hold') return undefined;
      throw error;
    }
  }

  /** Counts a batch by its files. `reported` are the IDs that postsuper named; undefined where nobody knows any more. */
  async #settle(batch: Batch, reported: ReadonlySet<string> | undefined): Promise<EffectCounts> {
    let count = 0;
    let left = 0;
    const strangers: string[] = [];
    for (const [id, createdAtMicros] of batch.files) {
      // Out of hold, where no file can be replaced, postsuper's word is enough; into hold, the file is looked at.
      if (batch.act !== 'hold' && reported?.has(id) === true) {
        count += 1;
        continue;
      }
      const file = await this.#postfix.inspect(batch.instance, id);
      const isSame = file?.createdAtMicros === createdAtMicros;
      const isHeld = file?.queue === 'hold';
      switch (batch.act) {
        case 'hold':
          if (isSame && isHeld) count += 1;
          else if (isSame) left += 1;
          // The ID went on to another message between our look and postsuper: that one is innocent.
          else if (isHeld && reported?.has(id) !== false) strangers.push(id);
          break;
        case 'release':
          if (isSame && isHeld) left += 1;
          else if (reported === undefined) count += 1;
          break;
        case 'purge':
          if (isSame) left += 1;
          else if (reported === undefined) count += 1;
          break;
      }
    }
    if (strangers.length > 0) await this.#postfix.postsuper(batch.instance, 'release', strangers);
    const named = { hold: 'held', release: 'released', purge: 'purged' } as const;
    return {
      ...(count > 0 ? { [named[batch.act]]: count } : {}),
      ...(left > 0 ? { left } : {}),
      ...(strangers.length > 0 ? { mismatched: strangers.length } : {}),
    };
  }
}
