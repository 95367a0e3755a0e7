import { AccountMail, selectable, takeFromHold } from '../../agent/exec/account-mail.ts';
import type { Outcome } from '../../agent/exec/ledger-entry.ts';
import type { Postfix, QueueFile } from '../../agent/exec/postfix.ts';
import { selects } from '../../shared/wire/selection.ts';
import type { Hands } from './hands.ts';
import type { Wanted } from './hold.ts';
import { Names, networkOf } from './names.ts';

/** Some of the account's mail in hold, by where it came from. */
export interface Heap {
  messages: number;
  readonly networks: Names;
  readonly senders: Names;
}

/** What a purge or release would take, told before it is done. */
export interface Preview {
  readonly taken: Heap;
  readonly stays: Heap;
  /** Of the account, not in hold: out of reach. */
  readonly outsideHold: number;
  /** Exactly the messages counted in `taken`. */
  readonly includes: (file: QueueFile) => boolean;
}

/** Reads the account's mail, and changes nothing. Without a selection all of it stays. */
export async function preview({ account, rule, selection }: Wanted, postfix: Postfix): Promise<Preview> {
  const mail = new AccountMail({ account, rule, jti: '' }, { postfix, effects: nothing, messagesPerCommand: 0 });
  const [taken, stays] = [heap(), heap()];
  const lives = new Set<string>();
  let outsideHold = 0;
  for (const instance of postfix.instances) {
    for await (const file of postfix.scan(instance, ['incoming', 'active', 'deferred', 'hold'])) {
      if (!mail.selects(file)) continue;
      if (file.queue !== 'hold') {
        outsideHold += 1;
        continue;
      }
      const isTaken = selection !== undefined && selects(selection, selectable(file));
      if (isTaken) lives.add(lifeOf(file));
      const to = isTaken ? taken : stays;
      to.messages += 1;
      to.networks.add(networkOf(file.client ?? ''));
      to.senders.add(file.sender);
    }
  }
  return { taken, stays, outsideHold, includes: (file) => lives.has(lifeOf(file)) };
}

/** Releases or purges what a preview showed, and nothing that came after it. */
export async function take(
  act: 'release' | 'purge',
  wanted: Wanted,
  shown: Preview,
  postfix: Postfix,
  hands: Hands,
): Promise<Outcome> {
  hands.takes = shown.includes;
  const mail = new AccountMail(
    { ...wanted, jti: 'rescue' },
    { postfix, effects: hands, messagesPerCommand: Number.MAX_SAFE_INTEGER },
  );
  return await takeFromHold(act, mail, {
    isClosing: () => hands.isInterrupted,
    laterReleases: () => [],
    doneBefore: {},
  });
}

const nothing = { act: async () => ({}) };

function heap(): Heap {
  return { messages: 0, networks: new Names(), senders: new Names() };
}

function lifeOf({ instance, queueId, createdAtMicros }: QueueFile): string {
  return `${instance} ${queueId} ${createdAtMicros}`;
}
