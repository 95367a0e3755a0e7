import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from '../bench/ids/ask.ts';
import { askAll } from '../bench/ids/questions.ts';
import { startRig } from '../bench/ids/rig.ts';
import { playTruth, type Truth } from '../bench/ids/truth.ts';
import { describeWithPostfix } from '../lab/real-parts.ts';

describeWithPostfix('ids against the queue files', () => {
  let rig: Awaited<ReturnType<typeof startRig>>;
  let truth: Truth;
  beforeAll(async () => {
    rig = await startRig();
    truth = await playTruth(rig.instances, 2_000, 1);
  }, 120_000);
  afterAll(() => rig?.close());

  test('I1, I3: 2,000 submissions by 20 accounts over 3 instances: every ID of each account, and no other', async () => {
    const direct = [...truth.claims].filter((claim) => claim.endsWith(' direct')).length;
    expect(direct).toBe(2_000);
    // What two filters and a few requeues made of them.
    expect(truth.claims.size - direct).toBeGreaterThan(400);
    for (const { name, expected, answered, missed, invented } of await askAll(rig.instances, truth)) {
      expect(expected, name).toBeGreaterThan(50);
      expect({ name, answered, missed, invented }).toEqual({ name, answered: expected, missed: [], invented: [] });
    }
  });

  test('I3: bare IDs of two instances at once are refused, because either may have another’s ID', async () => {
    const logs = rig.instances.map(({ postfix }) => postfix.maillog);
    const { code, lines, stderr } = await ask(['ids', '--queue-ids-only', ...logs]);
    expect({ code, lines }).toEqual({ code: 2, lines: [] });
    expect(stderr).toMatch(/^holdfast: .*--relay.*--instance.*\n$/);
  });
});
