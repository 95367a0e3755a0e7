import { setTimeout as sleep } from 'node:timers/promises';
import { type Cast, password, type User } from './cast.ts';
import { type LabRelay, type Mail, SmtpError, type SmtpSession } from './smtp-client.ts';

/**
 * The story that demo and end-to-end tests play, on real or simulated relays alike: people send mail; a thief with a
 * stolen login sends spam on every relay, from several addresses and under rotating senders, and stays until he is
 * shut out; its owner writes under the same login meanwhile.
 */
type Role = 'innocent' | 'owner' | 'spam';

/** An accepted mail: the truth that the outcome is measured by. */
export interface StoryMail {
  readonly role: Role;
  readonly relay: string;
  readonly queueId: string;
  readonly login: string;
  readonly client: string;
  readonly sender: string;
  readonly recipients: readonly string[];
  /** ms since the epoch, when the `queued as` reply came. */
  readonly atMs: number;
}

interface Scene {
  readonly atMs: number;
  readonly role: Role;
  readonly relay: string;
  readonly login: string;
  readonly client: string;
}
export type StoryEvent = Scene &
  (
    | { readonly what: 'opened' }
    | { readonly what: 'accepted'; readonly mail: StoryMail }
    | { readonly what: 'refused'; readonly code: number | undefined; readonly text: string }
    | { readonly what: 'ended'; readonly by: 'client' | 'server'; readonly reason: string }
  );

export interface StoryTruth {
  readonly spam: readonly StoryMail[];
  readonly innocent: readonly StoryMail[];
  readonly owner: readonly StoryMail[];
}

export interface StoryOptions {
  readonly relays: readonly LabRelay[];
  readonly cast: Cast;
  readonly onEvent?: (event: StoryEvent) => void;
  /** Per session of the thief; he holds one per address on each relay. */
  readonly spamPerSecond?: number;
  /** He stops at so many accepted spam mails in all, so that a story without containment ends too. */
  readonly spamLimit?: number;
  /** How often he comes back per session after he was cut off, with a few mails each time. */
  readonly comebacks?: number;
}

export interface Story {
  /** The truth so far; grows while the story runs. */
  readonly truth: StoryTruth;
  /** What everybody sends before the thief comes is accepted. */
  readonly opening: Promise<void>;
  /** The thief is out: cut off and done coming back, or at his limit. Rejects if an innocent's mail was refused. */
  readonly thiefGone: Promise<void>;
  /** Ends everybody's sessions and timers; after it nothing is sent. */
  stop(): Promise<void>;
}

const mailsAfterComeback = 3;
const ownerPauseMs = 1500;
const userPauseMs = 400;

export function startStory(options: StoryOptions): Story {
  const stage = new Stage(options);
  const opening = stage.opening();
  const thiefGone = opening.then(() => stage.theft());
  // Whoever does not wait for them still learns of a failure by stop().
  opening.catch(() => {});
  thiefGone.catch(() => {});
  return {
    truth: stage.truth,
    opening,
    thiefGone,
    async stop() {
      stage.curtain.abort();
      await thiefGone;
    },
  };
}

class Stage {
  readonly truth = { spam: [] as StoryMail[], innocent: [] as StoryMail[], owner: [] as StoryMail[] };
  readonly curtain = new AbortController();
  private readonly options: StoryOptions;
  private readonly spamLimit: number;
  private spamSent = 0;
  private serial = 0;

  constructor(options: StoryOptions) {
    if (options.relays.length === 0) throw new Error('a story needs relays');
    this.options = options;
    this.spamLimit = options.spamLimit ?? 2000;
  }

  /** Everybody sends a little, each on one relay; the owner on every relay. */
  async opening(): Promise<void> {
    const { relays, cast } = this.options;
    const all = cast.users.map((user, index) => this.visit('innocent', relayAt(relays, index), user, 2 + (index % 3)));
    for (const relay of relays) all.push(this.visit('owner', relay, cast.owner, 2));
    await Promise.all(all);
  }

  /** The thief at work, while people go on writing. */
  async theft(): Promise<void> {
    const { relays, cast } = this.options;
    const gone = new AbortController();
    const daily = AbortSignal.any([gone.signal, this.curtain.signal]);
    const people = Promise.all([this.usersGoOn(daily), this.ownerGoesOn(daily)]).catch((error: unknown) => {
      // An innocent who cannot send is the end of the story.
      this.curtain.abort();
      throw error;
    });
    const thieves = relays.flatMap((relay, at) =>
      cast.thief.clients.map((client, index) => {
        const login = cast.thief.logins[(at + index) % cast.thief.logins.length] ?? cast.owner.login;
        return this.steal(relay, client, login);
      }),
    );
    const theft = Promise.all(thieves).finally(() => gone.abort());
    for (const result of await Promise.allSettled([people, theft])) {
      if (result.status === 'rejected') throw result.reason;
    }
  }

  private async usersGoOn(over: AbortSignal): Promise<void> {
    const { relays, cast } = this.options;
    for (let turn = 0; !over.aborted; turn++) {
      await this.pause(userPauseMs, over);
      const user = cast.users[turn % cast.users.length];
      if (user !== undefined && !over.aborted) await this.visit('innocent', relayAt(relays, turn + 1), user, 1);
    }
  }

  private async ownerGoesOn(over: AbortSignal): Promise<void> {
    const { relays, cast } = this.options;
    for (let turn = 0; !over.aborted; turn++) {
      await this.pause(ownerPauseMs, over);
      // His account may be blocked by now: a refusal is part of the story, and no failure.
      if (!over.aborted) await this.visit('owner', relayAt(relays, turn), cast.owner, 1).catch(allowRefusal);
    }
  }

  private async visit(role: Role, relay: LabRelay, user: User, mails: number): Promise<void> {
    const session = await this.open(role, relay, user.client, user.login);
    try {
      for (let count = 0; count < mails; count++) {
        await this.send(role, relay, session, user.address, [`friend${this.serial}@far.test`]);
      }
    } finally {
      await session.close();
    }
  }

  /** One of the thief's sessions: sends until he is cut off, then comes back under another spelling. */
  private async steal(relay: LabRelay, client: string, firstLogin: string): Promise<void> {
    const { cast, comebacks = 1 } = this.options;
    const firstAt = cast.thief.logins.indexOf(firstLogin);
    for (let visit = 0; visit <= comebacks && !this.over(); visit++) {
      const login = cast.thief.logins[(firstAt + visit) % cast.thief.logins.length] ?? firstLogin;
      const session = await this.open('spam', relay, client, login).catch(allowRefusal);
      if (session === undefined) return;
      await this.spam(relay, session, visit === 0 ? Number.POSITIVE_INFINITY : mailsAfterComeback);
      await session.close();
    }
  }

  private async spam(relay: LabRelay, session: SmtpSession, mails: number): Promise<void> {
    const { cast, spamPerSecond = 8 } = this.options;
    let ended = false;
    const cut = new AbortController();
    const watch = session.ended.then(() => {
      ended = true;
      cut.abort();
    });
    const signal = AbortSignal.any([cut.signal, this.curtain.signal]);
    for (let count = 0; count < mails && !ended && !this.over(); count++) {
      const number = this.spamSent++;
      const sender = cast.thief.senders[number % cast.thief.senders.length] ?? cast.owner.address;
      await this.send('spam', relay, session, sender, [`victim${number}@far.test`, `other${number}@far.test`]).catch(
        (error: unknown) => {
          this.spamSent -= 1;
          allowRefusal(error);
        },
      );
      if (!ended) await this.pause(1000 / spamPerSecond, signal);
    }
    if (ended) await watch;
  }

  private over(): boolean {
    return this.curtain.signal.aborted || this.spamSent >= this.spamLimit;
  }

  private async open(role: Role, relay: LabRelay, client: string, login: string): Promise<SmtpSession> {
    const scene = { role, relay: relay.name, login, client };
    try {
      const session = await relay.openSession({ localAddress: client, login, password });
      this.emit({ ...scene, atMs: Date.now(), what: 'opened' });
      void session.ended.then((end) => this.emit({ ...scene, atMs: Date.now(), what: 'ended', ...end }));
      return session;
    } catch (error) {
      this.refused(scene, error);
      throw error;
    }
  }

  private async send(role: Role, relay: LabRelay, session: SmtpSession, sender: string, to: string[]): Promise<void> {
    const scene = { role, relay: relay.name, login: session.login, client: session.localAddress };
    try {
      const queueId = await session.send(this.compose(role, sender, to));
      const mail = { ...scene, queueId, sender, recipients: to, atMs: Date.now() };
      this.truth[role].push(mail);
      this.emit({ ...scene, atMs: mail.atMs, what: 'accepted', mail });
    } catch (error) {
      this.refused(scene, error);
      throw error;
    }
  }

  private refused(scene: Omit<Scene, 'atMs'>, error: unknown): void {
    if (!(error instanceof SmtpError)) return;
    this.emit({ ...scene, atMs: Date.now(), what: 'refused', code: error.code, text: error.message });
  }

  private compose(role: Role, from: string, to: string[]): Mail {
    const number = this.serial++;
    const subject = role === 'spam' ? 'You have won' : `Letter ${number}`;
    const body = role === 'spam' ? `Claim your prize: http://prize.test/${number}` : `Hello, this is letter ${number}.`;
    const header = [
      `From: <${from}>`,
      `To: <${to[0]}>`,
      `Subject: ${subject}`,
      `Message-ID: <${number}.${role}@story.test>`,
    ];
    return { from, to, raw: `${header.join('\r\n')}\r\n\r\n${body}\r\n` };
  }

  private async pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => {});
  }

  private emit(event: StoryEvent): void {
    this.options.onEvent?.(event);
  }
}

function relayAt(relays: readonly LabRelay[], index: number): LabRelay {
  const relay = relays[index % relays.length];
  if (relay === undefined) throw new Error('a story needs relays');
  return relay;
}

/** For those whose refusal is part of the story; anything else is a failure. */
function allowRefusal(error: unknown): undefined {
  if (!(error instanceof SmtpError)) throw error;
  return undefined;
}
