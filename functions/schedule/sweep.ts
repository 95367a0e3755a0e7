import { windowMicros } from '../../shared/detect/window.ts';
import type { StoredPart } from '../../shared/store/parts.ts';
import type { Deps } from '../deps.ts';
import { judgeAccount, slackMs } from '../judge.ts';
import { sideBySide } from '../side-by-side.ts';
import { ChainMemory } from './chain-memory.ts';
import { followChains } from './chains.ts';
import { type Fresh, Tally } from './tally.ts';

/** Fleet-wide messages within the window from which an account is recounted. Rules start above it. */
const suspectMessages = 15;
/** Each relay's window is read afresh once in so many rounds: what was stored minutes after it was sent shows then. */
const roundsToAfresh = 30;

/** @param offsets how far each relay's clock is ahead, in µs: minutes are the hub's */
export type Sweep = (offsets?: ReadonlyMap<string, number>) => Promise<void>;

/**
 * Second step of detection: merges what arrived on all relays since the last sweep, so that an account spread thinly
 * over many is one account. What crosses is recounted exactly from parts, and only the recount opens a finding. Mail of
 * contained accounts is looked at for what got past the containment.
 */
export function sweeper(deps: Deps, chains = new ChainMemory(deps)): Sweep {
  const tally = new Tally();
  /** What was seen and not looked at yet: an account whose look failed is looked at again. */
  const fresh = new Map<string, Fresh>();
  let round = 0;
  return async (offsets = new Map()) => {
    const now = deps.nowMs();
    // As far back as a recount reads, so that it finds all of it here.
    const from = now - windowMicros / 1000 - slackMs;
    const relays = (await deps.relays.list()).map(({ relay }) => relay);
    const failures: unknown[] = [];
    const arrived = new Map<string, StoredPart[]>();
    round += 1;
    await sideBySide(relays, async (relay, index) => {
      try {
        const reading = (index + round) % roundsToAfresh === 0 ? 'all' : 'new';
        const parts = await deps.parts.between(relay, from, now, reading);
        arrived.set(relay, tally.add(deps, relay, parts, offsets.get(relay) ?? 0, fresh));
      } catch (error) {
        // One relay's trouble must not blind us to the others'.
        deps.log.error({ relay, error: String(error) }, 'the lines of a relay could not be swept');
        failures.push(error);
      }
    });
    tally.forget(now * 1000 - windowMicros);
    const contained = new Map((await deps.findings.containments()).map((each) => [each.account, each]));
    for (const [account, { logins, newestMicros }] of fresh) {
      const { messages, relays: everywhere } = tally.of(account);
      const containment = contained.get(account);
      if (containment === undefined && messages < suspectMessages) {
        fresh.delete(account);
        continue;
      }
      // What got past a containment is new mail; a recount wants all of the window.
      const concerned = containment === undefined ? everywhere : newestMicros.keys();
      const seen = new Map([...concerned].map((relay) => [relay, timesOf(newestMicros.get(relay))]));
      try {
        const suspect = { account, logins: [...logins], seen, containment, sentAt: now };
        await judgeAccount(deps, { ...suspect, sweep: { now, offsets } });
        fresh.delete(account);
      } catch (error) {
        deps.log.error({ account, error: String(error) }, 'an account could not be judged; it is tried again');
        failures.push(error);
      }
    }
    await followChains(deps, chains, arrived);
    // What could be done is done; whoever watches the function learns that it was not all.
    if (failures.length > 0) throw failures[0];
  };
}

function timesOf(newestMicros: number | undefined): number[] {
  return newestMicros === undefined ? [] : [newestMicros];
}
