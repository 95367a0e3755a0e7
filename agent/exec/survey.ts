import { batchSize } from './effects.ts';
import type { InForce } from './in-force.ts';
import type { Postfix, QueueFile } from './postfix.ts';

/** What a pass over all queue files found of an account, after holding what was to be held. */
export interface Tally {
  held: number;
  outsideHold: number;
  /** Of its newest message. */
  newestMicros: number;
}

export type Survey = ReadonlyMap<string, Readonly<Tally>>;

export interface SurveyParts {
  readonly postfix: Postfix;
  readonly inForce: () => InForce;
  /** Holds those that are to be held. */
  readonly hold: (files: readonly QueueFile[]) => Promise<unknown>;
  /** Does this message have to lie in hold? */
  readonly isWanted: (file: QueueFile) => boolean;
  /** A login of a contained account, as a queue file has it. */
  readonly onLogin: (login: string) => void;
  /** A file that is still being written. */
  readonly onIncomplete: (file: QueueFile) => void;
}

/**
 * One pass over every queue file of the relay: holds all mail outside hold that the containments want held, then
 * counts. It serves all entries at once, so its cost is the number of files, whatever is in force.
 */
export async function survey(parts: SurveyParts): Promise<Survey> {
  const tallies = new Map<string, Tally>();
  const tally = (file: QueueFile): Tally | undefined => {
    const account = parts.inForce().entryOf(file.login)?.account;
    if (account === undefined) return undefined;
    const found = tallies.get(account) ?? { held: 0, outsideHold: 0, newestMicros: 0 };
    found.newestMicros = Math.max(found.newestMicros, file.createdAtMicros);
    tallies.set(account, found);
    return found;
  };
  const outside = async (files: readonly QueueFile[]) => {
    const now = await Promise.all(files.map((file) => parts.postfix.inspect(file.instance, file.queueId)));
    return now.flatMap((file) => (file !== undefined && file.queue !== 'hold' && parts.isWanted(file) ? [file] : []));
  };
  const hold = async (files: readonly QueueFile[]) => {
    await parts.hold(files);
    // What is still outside was in motion under our hands: once more, then it counts as outside.
    const rest = await outside(files);
    if (rest.length === 0) return;
    await parts.hold(rest);
    for (const file of await outside(rest)) {
      const found = tally(file);
      if (found !== undefined) found.outsideHold += 1;
    }
  };
  for (const instance of parts.postfix.instances) {
    let found: QueueFile[] = [];
    for await (const file of parts.postfix.scan(instance, ['incoming', 'active', 'deferred'])) {
      if (!file.complete) parts.onIncomplete(file);
      else if (parts.isWanted(file)) found.push(file);
      if (found.length < batchSize) continue;
      await hold(found);
      found = [];
    }
    await hold(found);
    for await (const file of parts.postfix.scan(instance, ['hold'])) {
      const held = tally(file);
      if (held === undefined || file.login === undefined) continue;
      held.held += 1;
      parts.onLogin(file.login);
    }
  }
  return tallies;
}
