import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeCast } from './cast.ts';
import { SimulatedRelay } from './simulated.ts';
import { type StoryEvent, startStory } from './story.ts';

describe('the cast', () => {
  const cast = makeCast('lab.test');

  test('keeps people, owner and thief on networks of their own', () => {
    for (const person of [...cast.users, cast.owner]) expect(person.client).toMatch(/^127\.10\./);
    for (const client of cast.thief.clients) expect(client).toMatch(/^127\.66\./);
    expect(new Set([...cast.users, cast.owner].map((person) => person.client)).size).toBe(13);
  });

  test('the thief forges AA@ to ZC@ and real users in between', () => {
    const { senders } = cast.thief;
    expect(senders.slice(0, 8)).toEqual([
      ...['AA', 'BA', 'CA', 'DA', 'EA', 'FA'].map((name) => `${name}@forged.test`),
      'anna@lab.test',
      'GA@forged.test',
    ]);
    expect(senders).toContain('ZC@forged.test');
    const forgedUsers = new Set(senders.filter((sender) => sender.endsWith('@lab.test')));
    expect([...forgedUsers].sort()).toEqual(['anna@lab.test', 'ben@lab.test', 'clara@lab.test', 'david@lab.test']);
  });
});

describe('the story on simulated relays', () => {
  const cast = makeCast('lab.test');
  let folder: string;
  let relays: SimulatedRelay[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-lab-'));
    relays = ['s1', 's2'].map(
      (name) =>
        new SimulatedRelay({
          name,
          maillog: join(folder, `${name}.log`),
          users: cast.credentials,
          realm: cast.realm,
          delivery: { messagesPerSecond: 5, outcome: 'deferred' },
        }),
    );
  });
  afterEach(async () => {
    await Promise.all(relays.map((relay) => relay.stop()));
    await rm(folder, { recursive: true });
  });

  test('its truth is what the queues hold, message by message', async () => {
    const story = startStory({ relays, cast, spamPerSecond: 100, spamLimit: 200 });
    await story.thiefGone;
    await story.stop();
    const { spam, innocent, owner } = story.truth;
    // Sessions that were sending when the limit came add at most one each.
    expect(spam.length).toBeGreaterThanOrEqual(200);
    expect(spam.length).toBeLessThanOrEqual(206);
    expect(new Set(spam.map((mail) => mail.login))).toEqual(new Set(cast.thief.logins));
    expect(new Set(spam.map((mail) => mail.relay))).toEqual(new Set(['s1', 's2']));
    expect(innocent.length).toBeGreaterThanOrEqual(24);
    expect(owner.length).toBeGreaterThanOrEqual(4);
    let queued = 0;
    for (const relay of relays) queued += relay.queued;
    expect(queued).toBe(spam.length + innocent.length + owner.length);
    for (const mail of [...spam, ...innocent, ...owner]) {
      const relay = relays.find((each) => each.name === mail.relay);
      expect(await relay?.inspect(mail.relay, mail.queueId)).toMatchObject({
        login: mail.login,
        client: mail.client,
        sender: mail.sender,
      });
    }
    expect(await readFile(join(folder, 's1.log'), 'utf8')).toContain('sasl_username=Thief@lab.test');
  });

  test('a thief who is quarantined and cut off comes back once, lands in hold, and is gone', async () => {
    const events: StoryEvent[] = [];
    let spamBefore = 0;
    const story = startStory({ relays, cast, spamPerSecond: 50, onEvent: (event) => events.push(event) });
    await story.opening;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (story.truth.spam.length < 30) return;
        clearInterval(timer);
        resolve();
      }, 10);
    });
    for (const relay of relays) {
      const keys = ['thief', 'thief@lab.test'];
      await relay.writeMap(relay.name, new Map(keys.map((key) => [key, 'HOLD contained'])));
    }
    spamBefore = story.truth.spam.length;
    for (const relay of relays) {
      for (const session of await relay.sessions(relay.name)) {
        if (session.client.startsWith('127.66.')) await relay.destroy(session);
      }
    }
    await story.thiefGone;
    await story.stop();
    const after = story.truth.spam.slice(spamBefore);
    expect(after).toHaveLength(18);
    for (const mail of after) {
      const relay = relays.find((each) => each.name === mail.relay);
      expect(await relay?.inspect(mail.relay, mail.queueId)).toMatchObject({ queue: 'hold' });
    }
    const cutOff = events.filter((event) => event.what === 'ended' && event.by === 'server');
    expect(cutOff.map((event) => event.role)).toEqual(Array(6).fill('spam'));
    for (const relay of relays) expect(await relay.sessions(relay.name)).toEqual([]);
  });

  test('blocked, the thief keeps trying until the curtain falls, and stop leaves no session', async () => {
    const events: StoryEvent[] = [];
    const story = startStory({ relays, cast, spamPerSecond: 100, onEvent: (event) => events.push(event) });
    await story.opening;
    for (const relay of relays) {
      const keys = ['thief', 'thief@lab.test'];
      await relay.writeMap(relay.name, new Map(keys.map((key) => [key, 'REJECT blocked'])));
    }
    while (events.filter((event) => event.what === 'refused' && event.code === 554).length < 20) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await story.stop();
    expect(story.truth.spam).toEqual([]);
    for (const relay of relays) expect(await relay.sessions(relay.name)).toEqual([]);
  });

  test('an innocent who cannot send ends the story with an error', async () => {
    for (const relay of relays) await relay.writeMap(relay.name, new Map([['anna', 'REJECT by mistake']]));
    const story = startStory({ relays, cast });
    await expect(story.thiefGone).rejects.toThrow('by mistake');
    await expect(story.stop()).rejects.toThrow('by mistake');
  });
});
