import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startChaosFleet } from '../bench/chaos/fleet.ts';
import { chaosCast, Play } from '../bench/chaos/play.ts';
import { playRound } from '../bench/chaos/round.ts';
import { isThiefs } from '../bench/chaos/watch.ts';
import { password } from '../lab/cast.ts';
import { readQueue } from '../lab/queue-truth.ts';
import { describeWithPostfix } from '../lab/real-parts.ts';
import { mustRun } from '../lab/run.ts';

describeWithPostfix('killed at random', () => {
  test.each([1, 2, 3])(
    'I2, I5, I7: hub, agents and execs killed at random, seed %i: the end state is the same',
    async (seed) => {
      const outcome = await playRound(seed);
      expect(outcome.faults, `seed ${seed}\n${outcome.logs}`).toEqual([]);
      expect(outcome.kills).toBeGreaterThan(4);
    },
  );
});

describeWithPostfix('cut off', () => {
  test.each(['stopped agent', 'cut line'] as const)(
    'I5: a relay that was away (%s) during the whole containment converges when it comes back',
    async (how) => {
      const fleet = await startChaosFleet(chaosCast);
      try {
        const away = fleet.relays[1];
        if (away === undefined) throw new Error('no second relay');
        const session = await away.postfix.openSession({ localAddress: '127.66.9.9', login: 'thief', password });
        await session.send({ from: 'x@forged.test', to: ['y@far.test'], raw: 'Subject: x\r\n\r\nx\r\n' });
        if (how === 'stopped agent') await away.agent.stop();
        else away.cable.cut();

        const play = new Play(fleet, () => {}, 120);
        const finding = await play.contained();
        await play.story.thiefGone;
        await play.approve(finding.id);
        await play.until('the other relay is not clean', async () => {
          const files = await readQueue(fleet.relays[0]?.postfix.queueDirectory ?? '');
          return [...files.values()].some((file) => isThiefs(file) || file.queue === 'hold') ? undefined : true;
        });
        const spam = [...(await readQueue(away.postfix.queueDirectory)).values()].filter(isThiefs);
        expect(spam.length).toBeGreaterThan(10);
        expect(spam.filter(({ queue }) => queue === 'hold')).toEqual([]);

        if (how === 'stopped agent') away.agent.start();
        else away.cable.mend();
        expect(await play.end(finding.id)).toEqual([]);
        const map = `lmdb:${join(away.postfix.configDirectory, 'holdfast', 'sasl_access')}`;
        const { stdout } = await mustRun('postmap', ['-c', away.postfix.configDirectory, '-s', map]);
        expect(stdout).toContain('thief@example.org\tHOLD');
        const isCut = await Promise.race([session.ended.then(() => true), sleep(5000, false)]);
        expect(isCut).toBe(true);
      } finally {
        await fleet.close();
      }
    },
  );
});
