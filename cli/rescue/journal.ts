import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BatchJournal } from '../../agent/exec/effects.ts';
import { Ledger } from '../../agent/exec/ledger.ts';
import type { Batch, OpenBatch } from '../../agent/exec/ledger-entry.ts';
import { lockState } from '../../shared/config/state-lock.ts';
import { Failure, messageOf } from '../failure.ts';
import { makeStateFolder } from '../services/stay.ts';

/**
 * Exec's journal, in a folder of its own. With the disk full we go on without: what is taken out of hold cannot be
 * another message by then, and a run that was killed is run again. What would be missed after a kill within a batch is
 * an innocent's message held because its ID had just been reused.
 */
export class RescueJournal implements BatchJournal {
  readonly #ledger: Ledger | undefined;
  readonly #release: () => void;
  #isSaid = false;

  /** @throws Failure where another rescue is at work */
  constructor(stateDirectory: string) {
    const directory = join(stateDirectory, 'rescue');
    let release = () => {};
    let ledger: Ledger | undefined;
    try {
      makeStateFolder(stateDirectory);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      release = lockState(directory, 'rescue').release;
      const ignore = () => undefined;
      ledger = Ledger.open(directory, { info: ignore, warn: ignore, error: ignore });
    } catch (error) {
      if (messageOf(error).includes('another rescue')) throw new Failure(messageOf(error));
      this.#say(error);
    }
    this.#release = release;
    this.#ledger = ledger;
  }

  began(jti: string, batch: Batch): OpenBatch {
    try {
      if (this.#ledger !== undefined) return this.#ledger.began(jti, batch);
    } catch (error) {
      this.#say(error);
    }
    return { key: '', jti, batch };
  }

  did(open: OpenBatch, counts: Parameters<Ledger['did']>[1]): void {
    if (open.key !== '') this.#ledger?.did(open, counts);
  }

  openBatches(): readonly OpenBatch[] {
    return this.#ledger?.openBatches() ?? [];
  }

  close(): void {
    this.#ledger?.close();
    this.#release();
  }

  #say(error: unknown): void {
    if (!this.#isSaid) console.error(`holdfast: going on without a journal: ${messageOf(error)}`);
    this.#isSaid = true;
  }
}
