import { setTimeout as sleep } from 'node:timers/promises';
import { type ChaosFleet, startChaosFleet } from './fleet.ts';
import { chaosCast, Play } from './play.ts';
import { drawStrikes, type Strike, seeded } from './schedule.ts';

export interface RoundOutcome {
  readonly kills: number;
  readonly spam: number;
  /** From the thief's first mail to the end state. */
  readonly seconds: number;
  /** In what the end differs from that of a round without kills; empty if in nothing. */
  readonly faults: readonly string[];
  /** The last of what each program logged. */
  readonly logs: string;
}

const strikesBefore = 7;
const strikesAtApproval = 3;

/**
 * One round: the story plays, and from before the finding to after the approval programs are killed (SIGKILL) at
 * moments that the seed draws, and started again on their files.
 */
export async function playRound(seed: number, tell: (line: string) => void = () => {}): Promise<RoundOutcome> {
  const fleet = await startChaosFleet(chaosCast);
  try {
    const random = seeded(seed);
    const names = fleet.programs.map(({ name }) => name);
    const before = drawStrikes(random, names, strikesBefore, 600);
    const atApproval = drawStrikes(random, names, strikesAtApproval, 600);
    const play = new Play(fleet, tell);
    try {
      await play.story.opening;
      const storm = strike(fleet, before, tell);
      const finding = await play.contained();
      await play.story.thiefGone;
      let kills = await storm;
      const approving = strike(fleet, atApproval, tell);
      await play.approve(finding.id);
      kills += await approving;
      const faults = await play.end(finding.id);
      const seconds = Math.round((Date.now() - play.firstSpamAtMs) / 100) / 10;
      return { kills, spam: play.story.truth.spam.length, seconds, faults, logs: logsOf(fleet) };
    } finally {
      await play.story.stop().catch(() => undefined);
    }
  } finally {
    await fleet.close();
  }
}

function logsOf(fleet: ChaosFleet): string {
  return fleet.programs.map(({ name, said }) => `== ${name}\n${said.slice(-3000)}`).join('\n');
}

/** The number of kills that hit something alive. */
async function strike(fleet: ChaosFleet, strikes: readonly Strike[], tell: (line: string) => void): Promise<number> {
  const began = Date.now();
  const hits = strikes.flatMap(({ atMs, victims }) =>
    victims.map(async ({ name, downMs }) => {
      const program = fleet.programs.find((each) => each.name === name);
      await sleep(began + atMs - Date.now());
      const hit = (await program?.kill()) ?? false;
      tell(`${name} ${hit ? 'killed' : 'was dead already'}, down for ${Math.round(downMs)} ms`);
      await sleep(downMs);
      program?.start();
      return hit;
    }),
  );
  return (await Promise.all(hits)).filter((hit) => hit).length;
}
