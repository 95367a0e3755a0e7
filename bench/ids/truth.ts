import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { readQueue, type TruthFile } from '../../lab/queue-truth.ts';
import { mustRun } from '../../lab/run.ts';
import type { Claim } from './ask.ts';
import { Dice } from './dice.ts';
import { accountOf, logins, ownerOf } from './people.ts';
import type { Instance } from './rig.ts';
import { type Book, playTraffic } from './traffic.ts';

/** Whose every message was, by the queue files and the clients; the logs have no part in it. */
export interface Truth {
  /** Each message of an account, by ID, on each instance. */
  readonly claims: ReadonlySet<Claim>;
  /** Those of them whose queue file is still there. */
  readonly queued: ReadonlySet<Claim>;
}

/**
 * Plays the mail, then what an administrator does with some of it (requeue, hold, delete), and reads the queue files:
 * before, as mail left, and at the end.
 */
export async function playTruth(instances: readonly Instance[], mails: number, seed: number): Promise<Truth> {
  const books = await playTraffic(instances, mails, seed);
  const claims = new Set<Claim>();
  const queued = new Set<Claim>();
  await Promise.all(
    instances.map(async (instance, index) => {
      const before = await settled(instance);
      await administer(instance, [...before.values()], new Dice(seed + index));
      const files = await settled(instance);
      const book = books[index] ?? new Map();
      for (const [queueId, login] of book) claims.add(claimOf(instance, queueId, login, 'direct'));
      for (const file of [...before.values(), ...instance.witness.left.values(), ...files.values()]) {
        const claim = claimOfFile(instance, file, book);
        if (claim === undefined) continue;
        claims.add(claim);
        if (files.has(file.queueId)) queued.add(claim);
      }
    }),
  );
  return { claims, queued };
}

/** @throws Error where a queue file and the clients disagree: then the comparison itself is wrong. */
function claimOfFile(instance: Instance, file: TruthFile, book: Book): Claim | undefined {
  const { queueId, saslUsername, recipients } = file;
  const owner = ownerOf(recipients[0] ?? '');
  if (saslUsername !== undefined && saslUsername !== owner) {
    throw new Error(`${queueId}: ${saslUsername} in the file of ${owner ?? 'nobody'}'s mail`);
  }
  const direct = book.has(queueId);
  if (direct && saslUsername === undefined) throw new Error(`${queueId}: no sasl_username in its file`);
  return owner === undefined ? undefined : claimOf(instance, queueId, owner, direct ? 'direct' : 'derived');
}

function claimOf({ relay, name }: Instance, queueId: string, login: string, how: 'direct' | 'derived'): Claim {
  return [relay, name, queueId, accountOf(login), how].join(' ');
}

/** Requeues, holds and deletes a few of what is queued, and releases some of what it held. */
async function administer({ postfix }: Instance, files: readonly TruthFile[], dice: Dice): Promise<void> {
  const acts: Record<string, string[]> = { '-r': [], '-h': [], '-d': [] };
  for (const { queueId } of files) {
    if (!dice.chance(0.12)) continue;
    const act = dice.pick(Object.keys(acts));
    acts[act]?.push(queueId);
  }
  const postsuper = (act: string, ids: readonly string[]) =>
    mustRun('postsuper', ['-c', postfix.configDirectory, act, '-'], ids.map((id) => `${id}\n`).join(''));
  for (const [act, ids] of Object.entries(acts)) await postsuper(act, ids);
  await postsuper(
    '-H',
    (acts['-h'] ?? []).filter(() => dice.chance(0.5)),
  );
  // By itself pickup looks once a minute.
  await mustRun('postkick', ['-c', postfix.configDirectory, 'public', 'pickup', 'W']);
}

/** The queue, once nothing moves any more: all that is there waits, and the log has grown no longer. */
async function settled({ postfix }: Instance): Promise<Map<string, TruthFile>> {
  let grown = -1;
  for (let tries = 0; tries < 600; tries++) {
    const files = await readQueue(postfix.queueDirectory);
    const { length } = await readFile(postfix.maillog);
    const still = [...files.values()].every(({ queue }) => queue === 'deferred' || queue === 'hold');
    if (still && length === grown) return files;
    grown = length;
    await sleep(300);
  }
  throw new Error(`${postfix.name}: mail still moves after minutes`);
}

export const accounts: readonly string[] = [...new Set(logins.map(accountOf))];
