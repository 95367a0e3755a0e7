import { join } from 'node:path';
import { readQueueFile, type TruthFile } from '../../lab/queue-truth.ts';
import type { MailSoFar } from '../../lab/scripted-mx.ts';

/**
 * Reads the queue files of mail that is about to leave: a next hop calls it before it answers, while the file still
 * lies in `active`. What the files say is kept by queue ID.
 */
export class Witness {
  readonly left = new Map<string, TruthFile>();
  readonly #queueDirectory: string;

  constructor(queueDirectory: string) {
    this.#queueDirectory = queueDirectory;
  }

  /** @throws Error if there is no such file. */
  async saw(mail: MailSoFar): Promise<void> {
    const queueId = queueIdOf(mail);
    const file = await readQueueFile('active', join(this.#queueDirectory, 'active', queueId));
    if (file === undefined) throw new Error(`no file of ${queueId} while it is delivered`);
    this.left.set(queueId, file);
  }
}

/** From the topmost Received header: the ID on the host that sends the mail now. */
function queueIdOf(mail: MailSoFar): string {
  const found = /^Received: (?:[^\r]|\r\n\t)*?\bid (\w+)/.exec(mail.content)?.[1];
  if (found === undefined) throw new Error(`no Received header with an ID: ${mail.content.slice(0, 300)}`);
  return found;
}
