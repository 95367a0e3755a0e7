import { setTimeout as sleep } from 'node:timers/promises';
import { type Cast, thiefNetwork } from '../../lab/cast.ts';
import { type StoryMail, startStory } from '../../lab/story.ts';
import type { Finding } from '../../shared/decide/finding.ts';
import type { Fleet, Lying } from './fleet.ts';

/** What the demo prints as its last line with `--json`. */
export interface Outcome {
  readonly simulated: boolean;
  readonly relays: number;
  readonly spamAccepted: number;
  /** Accepted, not in a queue, not purged. */
  readonly spamDelivered: number;
  readonly held: number;
  readonly purged: number;
  /** Innocents' and the owner's messages that are missing, changed or still held at the end (I12). */
  readonly innocentsTouched: number;
  readonly messagesBeforeFinding: number;
  /** All from the first accepted spam. */
  readonly secondsToFinding: number;
  readonly secondsToAllHeld: number;
  readonly secondsToSessionsGone: number;
}

export interface PlayOptions {
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
  readonly spamPerSecond?: number;
  /** Seconds until the play gives up on a step. */
  readonly patienceSeconds?: number;
}

/** Plays the story of a stolen account on a fleet, from the first spam to the released mail of its owner. */
export async function play(fleet: Fleet, cast: Cast, options: PlayOptions): Promise<Outcome> {
  const { tell, signal } = options;
  const patienceMs = (options.patienceSeconds ?? 60) * 1000;
  const watch = new Watch(fleet);
  let firstSpamAt: number | undefined;
  let lastSessionGoneAt = 0;
  const thievesIn = new Set<string>();
  const story = startStory({
    relays: fleet.relays,
    cast,
    spamPerSecond: options.spamPerSecond ?? 8,
    onEvent: (event) => {
      if (event.role !== 'spam') return;
      const session = `${event.relay} ${event.client} ${event.login}`;
      if (event.what === 'opened') {
        thievesIn.add(session);
        tell(`thief logs in on ${event.relay} from ${event.client} as ${event.login}`);
      } else if (event.what === 'accepted' && firstSpamAt === undefined) {
        firstSpamAt = event.atMs;
        tell(`first spam accepted on ${event.relay}, from <${event.mail.sender}>`);
      } else if (event.what === 'ended') {
        thievesIn.delete(session);
        if (event.by === 'client') return;
        lastSessionGoneAt = event.atMs;
        tell(`${since()}  session of ${event.client} on ${event.relay} cut: ${event.reason}`);
      }
    },
  });
  const since = (at = Date.now()): string => `+${((at - (firstSpamAt ?? at)) / 1000).toFixed(2)} s`;
  const until = async <T>(what: string, probe: () => Promise<T | undefined>): Promise<T> => {
    const end = Date.now() + patienceMs;
    for (;;) {
      signal.throwIfAborted();
      const found = await probe();
      if (found !== undefined) return found;
      if (Date.now() > end) throw new Error(`waited ${patienceMs / 1000} s: ${what}`);
      await sleep(50, undefined, { signal });
    }
  };

  try {
    await story.opening;
    await watch.look(story.truth.innocent, story.truth.owner);
    tell(
      `${story.truth.innocent.length} messages of ${cast.users.length} people and ${story.truth.owner.length} of the account's owner are in the queues`,
    );

    const finding = await until('no finding was opened', async () => (await fleet.api.findings(1))[0]);
    const foundAt = Date.now();
    tell(
      `${since(foundAt)}  FINDING ${finding.id}: ${finding.account}, ${finding.rule}, after ${finding.messagesBeforeOpen} messages`,
    );
    for (const line of finding.evidence) tell(`           ${line}`);

    const heldAt = await until('not all spam was held', async () => {
      const spam = [...story.truth.spam];
      const lying = await watch.look(story.truth.innocent, story.truth.owner);
      return spam.every((mail) => lying.get(idOf(mail))?.held !== false) ? Date.now() : undefined;
    });
    tell(`${since(heldAt)}  quarantine in force, all spam in the hold queues of ${fleet.relays.length} relays`);

    await until('sessions of the thief survived', async () => (thievesIn.size === 0 ? true : undefined));
    const sessionsGoneAt = lastSessionGoneAt;
    tell(
      `${since(sessionsGoneAt)}  the last session of the thief is gone; he comes back, and everything he sends is held`,
    );
    await story.thiefGone;
    await proven(fleet, finding, until);
    for (const { relay, since: inForceAt, proofs } of (await fleet.api.finding(finding.id)).relays) {
      const quarantine = proofs.find(({ what }) => what === 'quarantine');
      if (quarantine === undefined || inForceAt === undefined) continue;
      const { held, outsideHold } = quarantine;
      tell(
        `${relay}: quarantine in force since ${since(inForceAt)}; its queue files prove ${held} held, ${outsideHold} outside hold`,
      );
    }

    const before = await watch.look(story.truth.innocent, story.truth.owner);
    const held = [...before.values()].filter((file) => file.held).length;
    tell(`a person approves: purge client=${thiefNetwork}, release the rest (the owner's own)`);
    await fleet.api.approve(finding.id, [{ client: thiefNetwork }], []);
    const innocents = [...story.truth.innocent, ...story.truth.owner];
    const ended = await until('purge and release did not end', async () => {
      const lying = await watch.look(story.truth.innocent, story.truth.owner);
      const spamLeft = story.truth.spam.some((mail) => lying.has(idOf(mail)));
      const heldInnocents = innocents.some((mail) => lying.get(idOf(mail))?.held === true);
      return spamLeft || heldInnocents ? undefined : lying;
    });
    tell(`${since()}  spam purged, the owner's mail released`);
    const after = await settled(watch, innocents, ended);

    const spamHeld = story.truth.spam.filter((mail) => before.get(idOf(mail))?.held === true).length;
    const history = (await fleet.api.finding(finding.id)).finding.history;
    const purged = history
      .filter((entry) => entry.what === 'purged')
      .reduce((sum, entry) => sum + countIn(entry.detail), 0);
    const started = firstSpamAt ?? foundAt;
    const seconds = (at: number): number => Math.round((at - started) / 10) / 100;
    return {
      simulated: fleet.simulated,
      relays: fleet.relays.length,
      spamAccepted: story.truth.spam.length,
      spamDelivered: story.truth.spam.length - spamHeld,
      held,
      purged,
      innocentsTouched: watch.touched(innocents, after),
      messagesBeforeFinding: finding.messagesBeforeOpen,
      secondsToFinding: seconds(foundAt),
      secondsToAllHeld: seconds(heldAt),
      secondsToSessionsGone: seconds(sessionsGoneAt),
    };
  } finally {
    await story.stop().catch(() => undefined);
  }
}

/** Waits until each relay has proven the containment from its own queue files. */
async function proven(
  fleet: Fleet,
  finding: Finding,
  until: (what: string, probe: () => Promise<true | undefined>) => Promise<true>,
): Promise<void> {
  await until('a relay did not prove the containment', async () => {
    const { relays } = await fleet.api.finding(finding.id);
    const good = relays.filter(({ proofs }) => proofs.some(({ what, verified }) => what === 'quarantine' && verified));
    return good.length === fleet.relays.length ? true : undefined;
  });
}

/**
 * The last look, when nothing moves any more: a message that changes queue while the queues are read one after the other
 * is seen in neither. What is still missing after some looks is missing.
 */
async function settled(
  watch: Watch,
  innocents: readonly StoryMail[],
  first: ReadonlyMap<string, Lying>,
): Promise<ReadonlyMap<string, Lying>> {
  let lying = first;
  for (let looks = 0; looks < 10 && watch.touched(innocents, lying) > 0; looks++) {
    await sleep(200);
    lying = await watch.look();
  }
  return lying;
}

/** Remembers how each innocent message looked when it was seen first. */
class Watch {
  readonly #fleet: Fleet;
  readonly #first = new Map<string, string>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Every message in the fleet's queues, by relay and ID. */
  async look(...innocents: readonly (readonly StoryMail[])[]): Promise<Map<string, Lying>> {
    const lying = new Map<string, Lying>();
    for (const relay of this.#fleet.relays) {
      for (const [queueId, file] of await relay.truth()) lying.set(`${relay.name} ${queueId}`, file);
    }
    for (const mail of innocents.flat()) {
      const file = lying.get(idOf(mail));
      if (file !== undefined && !this.#first.has(idOf(mail))) this.#first.set(idOf(mail), file.digest);
    }
    return lying;
  }

  touched(innocents: readonly StoryMail[], after: ReadonlyMap<string, Lying>): number {
    return innocents.filter((mail) => {
      const file = after.get(idOf(mail));
      return file === undefined || file.held || file.digest !== this.#first.get(idOf(mail));
    }).length;
  }
}

function idOf(mail: StoryMail): string {
  return `${mail.relay} ${mail.queueId}`;
}

/** `done: 120 purged` */
function countIn(detail: string): number {
  return Number(/(\d+) purged/.exec(detail)?.[1] ?? 0);
}
