import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openHubDatabase } from './database.ts';
import type { Received } from './messages.ts';
import { QueueStore } from './queues.ts';

let folder: string;
let db: DatabaseSync;
let now: number;
let queues: QueueStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-queues-'));
  db = openHubDatabase(join(folder, 'hub.sqlite'));
  now = 1_764_000_000_000;
  queues = new QueueStore(db, () => now);
});
afterEach(async () => {
  db.close();
  await rm(folder, { recursive: true });
});

const never = new AbortController().signal;
const take = (name: string, maxMessages = 10): Promise<Received[]> =>
  queues.receive(name, { maxMessages, waitSeconds: 0, signal: never });
const bodiesOf = (messages: readonly Received[]): string[] => messages.map((message) => message.body);

describe('making a queue', () => {
  it('twice keeps what is in it and takes the new attributes', async () => {
    queues.createQueue('q', { visibilitySeconds: 5 });
    queues.send('q', 'hub', [{ body: 'x' }]);
    queues.createQueue('q', { visibilitySeconds: 7 });
    expect(queues.queue('q').visibilitySeconds).toBe(7);
    expect(bodiesOf(await take('q'))).toEqual(['x']);
  });

  it.each(['', 'a.b', 'q.fifo.fifo', 'q/../r', 'x'.repeat(76), 'ü'])('refuses the name %j', (name) => {
    expect(() => queues.createQueue(name)).toThrow(/queue name/);
  });

  it('refuses a dead-letter queue that is missing or of the other kind', () => {
    expect(() => queues.createQueue('q', { deadLetter: { queue: 'none', maxReceiveCount: 3 } })).toThrow(/no queue/);
    queues.createQueue('dead');
    expect(() => queues.createQueue('q.fifo', { deadLetter: { queue: 'dead', maxReceiveCount: 3 } })).toThrow(/FIFO/);
    expect(() => queues.createQueue('q', { deadLetter: { queue: 'dead', maxReceiveCount: 0 } })).toThrow(/at least 1/);
  });
});

describe('time', () => {
  it('ends deduplication after five minutes', async () => {
    queues.createQueue('q.fifo');
    const send = () => queues.send('q.fifo', 'hub', [{ body: 'x', groupId: 'g', deduplicationId: 'd' }]);
    const [first] = send();
    now += 5 * 60_000 - 1;
    expect(send()).toEqual([first]);
    now += 1;
    expect(send()).not.toEqual([first]);
    expect(queues.depth('q.fifo').ready).toBe(2);
    expect(db.prepare('SELECT count(*) AS n FROM deduplication').get()).toEqual({ n: 1 });
  });

  it('ends a message with its retention, and the file forgets it', async () => {
    queues.createQueue('q', { retentionSeconds: 60 });
    queues.send('q', 'hub', [{ body: 'old' }]);
    now += 60_000;
    expect(await take('q')).toEqual([]);
    queues.send('q', 'hub', [{ body: 'new' }]);
    expect(db.prepare('SELECT body FROM message_body').all()).toEqual([{ body: 'new' }]);
  });

  it('of a dead letter begins anew', async () => {
    queues.createQueue('dead', { retentionSeconds: 60 });
    queues.createQueue('q', {
      retentionSeconds: 60,
      visibilitySeconds: 1,
      deadLetter: { queue: 'dead', maxReceiveCount: 1 },
    });
    queues.send('q', 'relay:one', [{ body: 'poison' }]);
    const sentAtMs = now;
    await take('q');
    now += 59_000;
    expect(await take('q')).toEqual([]);
    now += 59_000;
    expect(await take('dead')).toEqual([expect.objectContaining({ body: 'poison', sender: 'relay:one', sentAtMs })]);
  });

  it('set back hides no message that nobody received', async () => {
    queues.createQueue('q');
    queues.send('q', 'hub', [{ body: 'x' }]);
    now -= 3_600_000;
    expect(bodiesOf(await take('q'))).toEqual(['x']);
  });
});

describe('a receipt handle', () => {
  it('of an earlier receive deletes nothing, and deleting twice is fine', async () => {
    queues.createQueue('q', { visibilitySeconds: 1 });
    queues.send('q', 'hub', [{ body: 'x' }]);
    const [first] = await take('q');
    now += 1000;
    const [second] = await take('q');
    expect(queues.delete('q', [first?.receiptHandle ?? ''])).toEqual([undefined]);
    expect(queues.depth('q')).toEqual({ ready: 0, inFlight: 1 });
    const handle = second?.receiptHandle ?? '';
    expect(queues.delete('q', [handle])).toEqual([undefined]);
    expect(queues.depth('q')).toEqual({ ready: 0, inFlight: 0 });
    expect(queues.delete('q', [handle])).toEqual([undefined]);
  });

  it('of a FIFO queue ends with its visibility', async () => {
    queues.createQueue('q.fifo', { visibilitySeconds: 1 });
    queues.send('q.fifo', 'hub', [{ body: 'x', groupId: 'g', deduplicationId: 'd' }]);
    const [first] = await take('q.fifo');
    now += 1000;
    const handle = first?.receiptHandle ?? '';
    expect(queues.delete('q.fifo', [handle])).toMatchObject([{ code: 'InvalidParameterValue' }]);
    expect(queues.changeVisibility('q.fifo', [{ receiptHandle: handle, seconds: 9 }])).toMatchObject([
      { code: 'MessageNotInflight' },
    ]);
    expect(bodiesOf(await take('q.fifo'))).toEqual(['x']);
  });

  it('of another queue, or made up, reaches nothing', async () => {
    queues.createQueue('q');
    queues.createQueue('other');
    queues.send('q', 'hub', [{ body: 'x' }]);
    const [message] = await take('q');
    expect(queues.delete('other', [message?.receiptHandle ?? ''])).toEqual([undefined]);
    const sequence = message?.receiptHandle.split('.')[0];
    queues.delete('q', [`${sequence}.00000000-0000-0000-0000-000000000000`]);
    expect(queues.delete('q', ['', '1', `${sequence}.x`, "1.' OR 1=1"]).map((fault) => fault?.code)).toEqual(
      Array(4).fill('ReceiptHandleIsInvalid'),
    );
    expect(queues.depth('q')).toEqual({ ready: 0, inFlight: 1 });
  });
});

describe('a waiting receiver', () => {
  it('that gives up takes nothing with it', async () => {
    queues.createQueue('q');
    const gone = new AbortController();
    const waiting = queues.receive('q', { maxMessages: 1, waitSeconds: 20, signal: gone.signal });
    gone.abort();
    expect(await waiting).toEqual([]);
    queues.send('q', 'hub', [{ body: 'x' }]);
    expect(bodiesOf(await take('q'))).toEqual(['x']);
  });

  it.each([989, 990])('misses no message that comes back while it looks (%d ms on)', async (elapsedMs) => {
    queues.createQueue('q', { visibilitySeconds: 1 });
    queues.send('q', 'hub', [{ body: 'x' }]);
    await take('q');
    now += elapsedMs;
    const ticking = new QueueStore(db, () => now++);
    const waiting = ticking.receive('q', { maxMessages: 1, waitSeconds: 20, signal: never });
    expect(bodiesOf(await waiting)).toEqual(['x']);
  });

  it('is served before those that came later', async () => {
    queues.createQueue('q');
    const waiting = [1, 2].map(() => queues.receive('q', { maxMessages: 1, waitSeconds: 20, signal: never }));
    queues.send('q', 'hub', [{ body: 'first' }]);
    queues.send('q', 'hub', [{ body: 'second' }]);
    expect((await Promise.all(waiting)).map(bodiesOf)).toEqual([['first'], ['second']]);
  });

  it('is turned away as overload where 64 wait on the same queue', async () => {
    queues.createQueue('q');
    const gone = new AbortController();
    const wait = () => queues.receive('q', { maxMessages: 1, waitSeconds: 20, signal: gone.signal });
    const waiting = Array.from({ length: 64 }, wait);
    await expect(wait()).rejects.toMatchObject({ code: 'ServiceUnavailable', status: 503 });
    gone.abort();
    expect(await Promise.all(waiting)).toHaveLength(64);
  });
});

describe('a hub that starts again', () => {
  it('gives its functions at once what the last process held', async () => {
    queues.createQueue('q', { visibilitySeconds: 30 });
    queues.send('q', 'hub', [{ body: 'a' }, { body: 'b' }]);
    await take('q', 1);
    const next = new QueueStore(db, () => now);
    expect(next.returnInFlight('q')).toBe(1);
    const messages = await take('q');
    expect(messages.map((message) => [message.body, message.receiveCount])).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
  });
});

describe('a FIFO queue under any traffic', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('send' as const), group: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ do: fc.constant('take' as const), max: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant('finish' as const), which: fc.nat(9) }),
    fc.record({ do: fc.constant('give back' as const), which: fc.nat(9) }),
    fc.record({ do: fc.constant('pass time' as const), seconds: fc.integer({ min: 1, max: 20 }) }),
  );

  it('gives each group in order, one batch at a time, and loses nothing', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const name = `run-${run++}.fifo`;
        queues.createQueue(name, { visibilitySeconds: 10 });
        let sent = 0;
        /** Not finished, per group, in order of sending. */
        const open = new Map<string, number[]>([
          ['a', []],
          ['b', []],
          ['c', []],
        ]);
        let held: { message: Received; untilMs: number }[] = [];
        for (const act of steps) {
          held = held.filter((one) => one.untilMs > now);
          const at = 'which' in act ? held[act.which] : undefined;
          switch (act.do) {
            case 'send': {
              const body = sent++;
              open.get(act.group)?.push(body);
              queues.send(name, 'hub', [{ body: `${body}`, groupId: act.group, deduplicationId: `${body}` }]);
              break;
            }
            case 'take': {
              const blocked = new Set(held.map((one) => one.message.groupId));
              const expected = [...open]
                .filter(([group]) => !blocked.has(group))
                .flatMap(([, bodies]) => bodies)
                .sort((a, b) => a - b);
              const messages = await take(name, act.max);
              expect(messages.map((message) => Number(message.body))).toEqual(expected.slice(0, act.max));
              held.push(...messages.map((message) => ({ message, untilMs: now + 10_000 })));
              break;
            }
            case 'finish': {
              if (at === undefined) break;
              expect(queues.delete(name, [at.message.receiptHandle])).toEqual([undefined]);
              held = held.filter((one) => one !== at);
              const bodies = open.get(at.message.groupId ?? '') ?? [];
              bodies.splice(bodies.indexOf(Number(at.message.body)), 1);
              break;
            }
            case 'give back': {
              if (at === undefined) break;
              queues.changeVisibility(name, [{ receiptHandle: at.message.receiptHandle, seconds: 0 }]);
              held = held.filter((one) => one !== at);
              break;
            }
            case 'pass time':
              now += act.seconds * 1000;
              break;
          }
        }
        now += 10_000;
        const rest: number[] = [];
        for (let more = await take(name); more.length > 0; more = await take(name)) {
          rest.push(...more.map((message) => Number(message.body)));
          queues.delete(
            name,
            more.map((message) => message.receiptHandle),
          );
        }
        expect(rest).toEqual([...open.values()].flat().sort((a, b) => a - b));
      }),
      { numRuns: 40 },
    );
  });
});
