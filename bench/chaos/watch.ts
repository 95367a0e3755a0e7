import { thiefNetwork } from '../../lab/cast.ts';
import { readQueue, type TruthFile } from '../../lab/queue-truth.ts';
import type { StoryMail, StoryTruth } from '../../lab/story.ts';
import { inNetwork } from '../../shared/wire/selection.ts';
import type { ChaosFleet } from './fleet.ts';

/** Remembers how each innocent message looked when it was seen first; the queue files are the truth. */
export class Watch {
  readonly #fleet: ChaosFleet;
  readonly #first = new Map<string, string>();

  constructor(fleet: ChaosFleet) {
    this.#fleet = fleet;
  }

  /** Every file in the queues, by relay and ID. */
  async look(truth: StoryTruth): Promise<Map<string, TruthFile>> {
    const innocents = [...truth.innocent, ...truth.owner];
    const files = new Map<string, TruthFile>();
    for (const { postfix } of this.#fleet.relays) {
      for (const [id, file] of await readQueue(postfix.queueDirectory)) files.set(`${postfix.name} ${id}`, file);
    }
    for (const mail of innocents) {
      const file = files.get(idOf(mail));
      if (file !== undefined && !this.#first.has(idOf(mail))) this.#first.set(idOf(mail), file.sha256);
    }
    return files;
  }

  /** What is wrong with the queues now that all is over; empty if all is as it would be had nobody been killed. */
  async faults(truth: StoryTruth): Promise<string[]> {
    const files = await this.look(truth);
    const faults: string[] = [];
    for (const [id, file] of files) {
      if (isThiefs(file)) faults.push(`the thief's ${id} lies in ${file.queue}`);
      else if (file.queue === 'hold') faults.push(`${file.saslUsername ?? 'somebody'}'s ${id} is held`);
    }
    for (const mail of [...truth.innocent, ...truth.owner]) {
      const file = files.get(idOf(mail));
      if (file === undefined) faults.push(`${mail.role} ${mail.login}'s ${idOf(mail)} is gone`);
      else if (file.sha256 !== this.#first.get(idOf(mail))) faults.push(`${mail.login}'s ${idOf(mail)} has changed`);
    }
    return faults;
  }
}

export function isThiefs(file: TruthFile): boolean {
  return file.clientAddress !== undefined && inNetwork(file.clientAddress, thiefNetwork);
}

function idOf(mail: StoryMail): string {
  return `${mail.relay} ${mail.queueId}`;
}
