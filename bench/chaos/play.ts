import { setTimeout as sleep } from 'node:timers/promises';
import { makeCast, password, thiefNetwork } from '../../lab/cast.ts';
import { type Story, type StoryEvent, startStory } from '../../lab/story.ts';
import type { Finding } from '../../shared/decide/finding.ts';
import { hubBooks, loggedSubmissions } from './books.ts';
import type { ChaosFleet } from './fleet.ts';
import { isThiefs, Watch } from './watch.ts';

export const chaosCast = makeCast('example.org');

const patienceMs = 75_000;

/** The story on a fleet of programs, with what people do in it and how it must end. */
export class Play {
  readonly story: Story;
  readonly #fleet: ChaosFleet;
  readonly #tell: (line: string) => void;
  readonly #watch: Watch;
  readonly #refusals: string[] = [];
  /** The thief's messages in the queues when the purge was approved. */
  #toPurge = 0;
  firstSpamAtMs = 0;

  constructor(fleet: ChaosFleet, tell: (line: string) => void = () => {}, spamLimit = 400) {
    this.#fleet = fleet;
    this.#tell = tell;
    this.#watch = new Watch(fleet);
    this.story = startStory({
      relays: fleet.relays.map(({ postfix }) => postfix),
      cast: chaosCast,
      spamPerSecond: 5,
      spamLimit,
      onEvent: (event) => this.#hear(event),
    });
  }

  #hear(event: StoryEvent): void {
    if (event.role === 'spam') {
      if (event.what === 'accepted' && this.firstSpamAtMs === 0) this.firstSpamAtMs = event.atMs;
    } else if (event.what === 'refused' && (event.role === 'innocent' || event.code !== undefined)) {
      // The owner's sessions may be cut with the thief's, but nobody may be told no (I7).
      this.#refusals.push(`${event.role} ${event.login} was refused on ${event.relay}: ${event.text}`);
    }
  }

  /** Asks until there is an answer, also over the death of the hub. @throws Error naming `what` after the patience */
  async until<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
    const end = Date.now() + patienceMs;
    let last: unknown;
    for (;;) {
      const found = await probe().catch((error: unknown) => {
        last = error;
        return undefined;
      });
      if (found !== undefined) return found;
      if (Date.now() > end) throw new Error(`waited ${patienceMs / 1000} s: ${what}`, { cause: last });
      await sleep(100);
    }
  }

  async contained(): Promise<Finding> {
    const finding = await this.until('no finding was contained', async () => {
      await this.#watch.look(this.story.truth);
      return (await this.#fleet.api.findings(1)).find(({ state }) => state === 'contained');
    });
    this.#say(`finding ${finding.id} contained`);
    return finding;
  }

  /** A person who gets no answer looks whether it was done, and if not does it again. */
  async approve(findingId: string): Promise<void> {
    const { api } = this.#fleet;
    this.#toPurge = [...(await this.#watch.look(this.story.truth)).values()].filter(isThiefs).length;
    await this.until('it could not be approved', async () => {
      const { finding } = await api.finding(findingId);
      if (finding.history.some(({ what }) => what === 'approved')) return finding;
      return api.approve(findingId, [{ client: thiefNetwork }], []);
    });
    this.#say('approved');
  }

  /** Waits for the end state, and says what is wrong with it. */
  async end(findingId: string): Promise<string[]> {
    const { truth } = this.story;
    const isClean = async () => ((await this.#watch.faults(truth)).length === 0 ? true : undefined);
    const waited = (error: unknown): string[] => [String(error)];
    const slow = await this.until('the queues are not clean', isClean).then(() => [], waited);
    this.#say('the queues are clean');
    await this.#lifeGoesOn();
    const settled = await this.until('the hub does not know all of it', async () =>
      (await this.#bookFaults()).length === 0 ? true : undefined,
    ).then(() => [], waited);
    this.#say('the books agree');
    const faults = [...slow, ...settled, ...(await this.#watch.faults(truth)), ...(await this.#bookFaults())];
    return [...faults, ...this.#refusals, ...(await this.#findingFaults(findingId)), ...this.#programFaults()];
  }

  /** Somebody writes on each relay, fast enough for a pack of lines that waits for company to leave at once. */
  async #lifeGoesOn(): Promise<void> {
    const [user] = chaosCast.users;
    if (user === undefined) return;
    for (const { postfix } of this.#fleet.relays) {
      const session = await postfix.openSession({ localAddress: user.client, login: user.login, password });
      const raw = 'Subject: afterwards\r\n\r\nAll is well.\r\n';
      for (let mail = 0; mail < 6; mail++) await session.send({ from: user.address, to: ['friend@far.test'], raw });
      await session.close();
    }
  }

  /** Nothing lost, nothing counted twice (I2). */
  async #bookFaults(): Promise<string[]> {
    const [hub, log] = [await hubBooks(this.#fleet), await loggedSubmissions(this.#fleet)];
    const faults: string[] = [];
    const [known, logged] = [new Set(hub.submissions), new Set(log)];
    if (known.size !== hub.submissions.length) faults.push('the hub counts a submission twice');
    const lost = log.filter((each) => !known.has(each));
    const invented = hub.submissions.filter((each) => !logged.has(each));
    if (lost.length > 0) faults.push(`${lost.length} submissions lost, the first: ${lost[0]}`);
    if (invented.length > 0) faults.push(`${invented.length} submissions nobody made, the first: ${invented[0]}`);
    const { owner } = this.story.truth;
    // A relay that learnt of the approval before it held the owner's mail releases less of it.
    if (hub.released > owner.length) faults.push(`${hub.released} messages released of the owner's ${owner.length}`);
    if (hub.purged !== this.#toPurge) faults.push(`${this.#toPurge} messages to purge, the hub counts ${hub.purged}`);
    if (hub.deadLetters > 0) faults.push(`${hub.deadLetters} dead letters`);
    return faults;
  }

  async #findingFaults(findingId: string): Promise<string[]> {
    const { spam, owner } = this.story.truth;
    const findings = await this.#fleet.api.findings(1);
    const faults: string[] = [];
    if (findings.length !== 1) faults.push(`${findings.length} findings`);
    const finding = findings.find(({ id }) => id === findingId);
    if (finding === undefined) return [...faults, 'the finding is gone'];
    const story = finding.history.map(({ actor, what }) => `${what} by ${actor}`).join(', ');
    if (finding.state !== 'confirmed') faults.push(`the finding is ${finding.state}: ${story}`);
    if (finding.history.some(({ what }) => what === 'escaped')) faults.push(`the finding escaped: ${story}`);
    const approvals = finding.history.filter(({ what }) => what === 'approved').length;
    if (approvals !== 1) faults.push(`approved ${approvals} times`);
    const all = [...spam, ...owner].filter(({ atMs }) => atMs < finding.openedAt + 1000).length;
    if (finding.messagesBeforeOpen > all || finding.messagesBeforeOpen < 20) {
      faults.push(`${finding.messagesBeforeOpen} messages before the finding, of ${all}`);
    }
    return faults;
  }

  #programFaults(): string[] {
    const ended = this.#fleet.programs.filter(({ ends }) => ends > 0);
    return ended.map(({ name, ends }) => `${name} ended ${ends} times by itself`);
  }

  #say(what: string): void {
    this.#tell(`+${((Date.now() - this.firstSpamAtMs) / 1000).toFixed(1)} s ${what}`);
  }
}
