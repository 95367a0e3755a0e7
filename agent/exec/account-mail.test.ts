import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { AccountMail, type Course, holdMail } from './account-mail.ts';
import { batchSize } from './effects.ts';
import type { Postfix, QueueFile } from './postfix.ts';

const rule = { realmAliases: {} };
const course: Course = { isClosing: () => false, laterReleases: () => [], doneBefore: {} };

/** A queue of the account's mail, and hands that take a moment for each batch. */
function scene(count: number, messagesPerCommand: number) {
  const files: QueueFile[] = Array.from({ length: count }, (_, n) => ({
    instance: 'pf',
    queueId: `ID${n}xxxx`,
    queue: 'deferred',
    login: 'thief',
    createdAtMicros: n,
    sender: 'a@b.test',
    complete: true,
  }));
  const batches: number[] = [];
  let working = 0;
  let mostWorking = 0;
  const held = new Set<QueueFile>();
  const unused = async () => {
    throw new Error('not used');
  };
  const postfix: Postfix = {
    instances: ['pf'],
    inspect: async () => undefined,
    async *scan(_instance, queues) {
      for (const file of files) if (queues.includes(held.has(file) ? 'hold' : 'deferred')) yield file;
    },
    postsuper: unused,
    writeMap: unused,
    readMap: unused,
    sessions: unused,
    destroy: unused,
  };
  const effects = {
    async act(_jti: string, _act: string, _instance: string, batch: readonly QueueFile[]) {
      working += 1;
      mostWorking = Math.max(mostWorking, working);
      await sleep(5);
      for (const file of batch) held.add(file);
      batches.push(batch.length);
      working -= 1;
      return batch.length > 0 ? { held: batch.length } : {};
    },
  };
  const mail = new AccountMail({ account: 'thief', rule, jti: 'j' }, { postfix, effects, messagesPerCommand });
  return { mail, batches, effects, mostWorking: () => mostWorking };
}

test('while one batch is at work the next is looked for; never are two at work', async () => {
  const { mail, batches, mostWorking } = scene(2 * batchSize + 10, 1_000_000);
  const outcome = await holdMail(mail, [], course);
  expect(outcome).toMatchObject({ state: 'done', counts: { held: 2 * batchSize + 10 }, proofs: [{ verified: true }] });
  expect(batches.filter((size) => size > 0)).toEqual([batchSize, batchSize, 10]);
  expect(mostWorking()).toBe(1);
});

test.each([0, 1, 1500, batchSize, batchSize + 1, 3 * batchSize - 1])(
  'a limit of %i messages is met to the message, also with a batch still at work',
  async (limit) => {
    const { mail } = scene(4 * batchSize, limit);
    const outcome = await holdMail(mail, [], course);
    expect(outcome.counts.held ?? 0).toBe(limit);
    expect(outcome.reason).toBe(`stopped: this relay's limit of ${limit} messages per command`);
  },
);

test('a batch that fails fails the act, with nothing after it', async () => {
  const { mail, batches, effects } = scene(3 * batchSize, 1_000_000);
  const act = effects.act;
  effects.act = async (...args) => {
    if (batches.filter((size) => size > 0).length === 1) throw new Error('postsuper ended with 1');
    return await act(...args);
  };
  await expect(holdMail(mail, [], course)).rejects.toThrow('postsuper ended with 1');
  expect(batches.filter((size) => size > 0)).toEqual([batchSize]);
});
