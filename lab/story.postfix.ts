import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCast, thiefNetwork } from './cast.ts';
import { type LabPostfix, startAllPostfix } from './postfix.ts';
import { readQueue } from './queue-truth.ts';
import { leftOut } from './real-parts.ts';
import { mustRun } from './run.ts';
import { startStory } from './story.ts';

const lack = leftOut();

describe.skipIf(lack !== undefined)(`the story on Postfix${lack === undefined ? '' : ` (left out: ${lack})`}`, () => {
  const cast = makeCast('lab.test');
  let folder: string;
  let relays: LabPostfix[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-lab-'));
    await chmod(folder, 0o755);
    relays = await startAllPostfix(
      ['r1', 'r2'].map((name, index) => ({
        directory: join(folder, name),
        name,
        address: `127.0.0.${21 + index}`,
        users: cast.credentials,
        realm: cast.realm,
        deferTransports: true,
      })),
    );
  });
  afterAll(async () => {
    await Promise.all(relays.map((relay) => relay.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  test('everybody is accepted; quarantined and cut off by hand, the thief comes back into hold and is gone', async () => {
    const story = startStory({ relays, cast, spamPerSecond: 20 });
    await story.opening;
    while (story.truth.spam.length < 60) await sleep(20);
    const cutAtMs = new Map<string, number>();
    for (const { name, configDirectory, host } of relays) {
      const map = join(configDirectory, 'holdfast', 'sasl_access');
      await writeFile(map, 'thief HOLD contained\nthief@lab.test HOLD contained\n');
      await mustRun('postmap', ['-c', configDirectory, `lmdb:${map}`]);
      await mustRun('ss', ['-K', 'src', host, 'dst', thiefNetwork]);
      cutAtMs.set(name, Date.now());
    }
    await story.thiefGone;
    await story.stop();
    await sleep(300);

    const { spam, innocent, owner } = story.truth;
    const queues = new Map<string, Awaited<ReturnType<typeof readQueue>>>();
    for (const relay of relays) queues.set(relay.name, await readQueue(relay.queueDirectory));
    const queued = [...queues.values()].reduce((sum, files) => sum + files.size, 0);
    // A mail that was whole when its session was cut lies in the queue, though its sender never heard of it.
    expect(queued).toBeGreaterThanOrEqual(spam.length + innocent.length + owner.length);
    expect(queued).toBeLessThanOrEqual(spam.length + innocent.length + owner.length + 6);
    for (const mail of [...spam, ...innocent, ...owner]) {
      expect(queues.get(mail.relay)?.get(mail.queueId)).toMatchObject({
        saslUsername: mail.login,
        clientAddress: mail.client,
        sender: mail.sender,
        recipients: mail.recipients,
        complete: true,
      });
    }
    // Each of the six sessions came back once: all that it sent is in hold.
    const late = spam.filter((mail) => mail.atMs > (cutAtMs.get(mail.relay) ?? 0));
    expect(late.length).toBeGreaterThanOrEqual(6);
    for (const mail of late) expect(queues.get(mail.relay)?.get(mail.queueId)?.queue).toBe('hold');
    for (const mail of innocent) expect(queues.get(mail.relay)?.get(mail.queueId)?.queue).not.toBe('hold');
    for (const relay of relays) expect(await readFile(relay.maillog, 'utf8')).not.toMatch(/throttling|fatal|panic/);
  });
});
