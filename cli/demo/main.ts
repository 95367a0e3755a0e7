import { makeCast } from '../../lab/cast.ts';
import { missing } from '../../lab/missing.ts';
import { exitCodes, Failure } from '../failure.ts';
import { table } from '../table.ts';
import { startFleet } from './fleet.ts';
import { type Outcome, play } from './play.ts';
import { realRelays } from './real-relay.ts';
import { simulatedRelays } from './simulated-relay.ts';

const silent = { info: () => {}, warn: () => {}, error: () => {} };

/** The whole demo: real relays where they can be had, simulated ones elsewhere. */
export async function demo(json: boolean): Promise<void> {
  const lacking = missing();
  const tell = (line: string): void => console.log(lacking === undefined ? line : `[simulated] ${line}`);
  if (lacking !== undefined) console.log(`[simulated] ${lacking}. Until then the same story runs on simulated relays.`);
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort(new Failure('interrupted; everything is cleaned up', 130));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);

  const cast = makeCast('example.org');
  const user = process.getuid?.() === 0 ? 'nobody' : (process.env['USER'] ?? 'nobody');
  tell(
    'starting a hub and two relays in a temporary folder (purge is off by default; here exec.yaml says allowPurge: true)',
  );
  const debug = process.env['HOLDFAST_DEBUG'] === undefined ? () => {} : (text: string) => process.stderr.write(text);
  const maker = lacking === undefined ? realRelays(debug) : simulatedRelays(user, silent);
  const fleet = await startFleet(maker, ['mx1', 'mx2'], cast, silent);
  try {
    interrupted.signal.throwIfAborted();
    const outcome = await play(fleet, cast, { tell, signal: interrupted.signal });
    for (const line of report(outcome).split('\n')) tell(line);
    if (json) console.log(JSON.stringify(outcome));
    if (outcome.spamDelivered > 0 || outcome.innocentsTouched > 0) process.exitCode = exitCodes.failure;
  } finally {
    await fleet.close();
  }
}

function report(outcome: Outcome): string {
  return table(
    ['', ''],
    [
      ['spam accepted', `${outcome.spamAccepted}`],
      ['spam delivered', `${outcome.spamDelivered}`],
      ['held when the person decided', `${outcome.held} (the thief's and the owner's)`],
      ['purged', `${outcome.purged}`],
      ["innocents' and owner's messages touched", `${outcome.innocentsTouched}`],
      ['messages before the finding', `${outcome.messagesBeforeFinding}`],
      ['first spam → finding', `${outcome.secondsToFinding} s`],
      ['first spam → all held', `${outcome.secondsToAllHeld} s`],
      ['first spam → last session gone', `${outcome.secondsToSessionsGone} s`],
    ],
  );
}
