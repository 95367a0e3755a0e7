import type { Postfix } from '../../agent/exec/postfix.ts';
import { everything } from '../../shared/wire/selection.ts';
import { exitCodes, usage } from '../failure.ts';
import { printable } from '../table.ts';
import { confirm } from './confirm.ts';
import { Hands } from './hands.ts';
import { hold, type Wanted } from './hold.ts';
import type { Instance } from './instances.ts';
import { stopLines } from './new-mail.ts';
import { type Heap, preview, take } from './take.ts';

/** What `rescue` works on. */
export interface Scene {
  readonly instances: readonly Instance[];
  readonly postfix: Postfix;
  /** Folder for the journal. */
  readonly state: string;
  readonly json: boolean;
}

/** `holdfast rescue --hold ACCOUNT` */
export async function holdAccount(scene: Scene, wanted: Wanted): Promise<void> {
  const { account, rule } = wanted;
  const hands = await Hands.ready(scene.postfix, scene.state);
  const done = await hold(wanted, scene.postfix, hands).finally(() => hands.close());
  if (done.reason !== undefined) process.exitCode = exitCodes.failure;
  const stop = await Promise.all(scene.instances.map((each) => stopLines(each, account, done.logins, rule)));
  if (scene.json) return console.log(JSON.stringify({ account, ...done, verified: done.reason === undefined, stop }));
  const { held = 0, mismatched = 0 } = done.counts;
  say(`${account}: ${held} messages held now; ${done.held} of it in hold, ${done.outsideHold} outside`);
  if (mismatched > 0) say(`  ${mismatched} IDs had gone on to somebody else's mail meanwhile: released at once`);
  if (done.reason !== undefined) say(`NOT proven: ${done.reason}`);
  say('What a delivery had in hand already may still leave. New mail is not stopped by this. It is by these, as root;');
  say('then run --hold once more, for what came in meanwhile:');
  for (const { instance, commands, notes } of stop) {
    say(`# instance ${instance}`);
    for (const command of commands) say(command);
    for (const note of notes) say(`# ${note}`);
  }
}

/** `holdfast rescue --purge ACCOUNT` */
export async function purgeAccount(scene: Scene, wanted: Wanted, confirmed: string | undefined): Promise<void> {
  const shown = await preview(wanted, scene.postfix);
  const { taken, stays, outsideHold } = shown;
  if (!scene.json) {
    say(`${wanted.account}, in hold:`);
    sayHeap('to be purged', taken);
    sayHeap('would stay', stays);
    if (outsideHold > 0) say(`  ${outsideHold} more are not in hold and out of reach: --hold them first`);
  }
  const isDecided = wanted.selection !== undefined && (confirmed !== undefined || taken.messages === 0);
  if (scene.json && !isDecided) console.log(JSON.stringify({ account: wanted.account, purged: 0, ...told(shown) }));
  if (wanted.selection === undefined) {
    throw usage(
      'the owner’s own mail is among it: say which to purge with --select client=CIDR, sender=ADDR, since=TIME or all, ' +
        'and what to spare with --keep',
    );
  }
  if (taken.messages > 0) await confirm(wanted.account, wanted.rule, confirmed);
  const hands = await Hands.ready(scene.postfix, scene.state);
  const { counts, proofs, reason } = await take('purge', wanted, shown, scene.postfix, hands).finally(() =>
    hands.close(),
  );
  const { purged = 0, left = 0 } = counts;
  const verified = proofs[0]?.verified ?? false;
  if (!verified) process.exitCode = exitCodes.failure;
  if (scene.json)
    return console.log(JSON.stringify({ account: wanted.account, purged, left, verified, reason, ...told(shown) }));
  say(`${purged} messages purged, ${stays.messages} stay in hold: --release lets them go`);
  if (!verified)
    say(`NOT proven: ${reason ?? 'mail that is selected is there still, or came after the preview: run it again'}`);
}

/** `holdfast rescue --release ACCOUNT` */
export async function releaseAccount(scene: Scene, named: Wanted): Promise<void> {
  const wanted = { ...named, selection: named.selection ?? everything };
  const shown = await preview(wanted, scene.postfix);
  const hands = await Hands.ready(scene.postfix, scene.state);
  const { counts, proofs, reason } = await take('release', wanted, shown, scene.postfix, hands).finally(() =>
    hands.close(),
  );
  const { released = 0 } = counts;
  const verified = proofs[0]?.verified ?? false;
  if (!verified) process.exitCode = exitCodes.failure;
  if (scene.json) return console.log(JSON.stringify({ account: wanted.account, released, verified, reason }));
  say(`${wanted.account}: ${released} messages released, ${proofs[0]?.held ?? 0} in hold`);
  if (!verified) say(`NOT proven: ${reason ?? 'mail that is selected is in hold still'}`);
}

function told({ taken, stays, outsideHold }: { taken: Heap; stays: Heap; outsideHold: number }) {
  const heap = ({ messages, networks, senders }: Heap) => ({
    messages,
    networks: networks.top(20),
    senders: senders.top(20),
  });
  return { selected: heap(taken), stays: heap(stays), outsideHold };
}

function sayHeap(what: string, { messages, networks, senders }: Heap): void {
  say(`  ${what}: ${messages} messages`);
  if (messages === 0) return;
  const list = (pairs: readonly (readonly [string, number])[]) =>
    pairs.map(([name, count]) => `${name === '' ? '<>' : name} (${count})`).join(', ');
  say(`    from networks ${list(networks.top(10))}${networks.size > 10 ? ', …' : ''}`);
  say(`    under ${senders.size} senders: ${list(senders.top(5))}${senders.size > 5 ? ', …' : ''}`);
}

function say(text: string): void {
  console.log(printable(text));
}
