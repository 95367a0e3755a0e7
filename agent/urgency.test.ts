import { describe, expect, it } from 'vitest';
import { Urgency } from './urgency.ts';

const nobody = () => false;

describe('urgency', () => {
  it('begins with the fifth submission of one login within ten seconds', () => {
    const urgency = new Urgency(nobody);
    const seen = [0, 2_000, 4_000, 6_000, 10_000, 20_000].map((at) => urgency.submission('thief', at));
    expect(seen).toEqual([false, false, false, false, true, false]);
  });

  it('begins with the twentieth submission on the relay within one second, whoever made them', () => {
    const urgency = new Urgency(nobody);
    const seen = Array.from({ length: 20 }, (_, index) => urgency.submission(`user${index}`, index * 50));
    expect(seen.indexOf(true)).toBe(19);
  });

  it('does not hurry for an account that is contained already', () => {
    const urgency = new Urgency((login) => login === 'thief');
    expect(Array.from({ length: 100 }, (_, index) => urgency.submission('thief', index)).includes(true)).toBe(false);
  });

  it('allows twenty early flushes in ten minutes', () => {
    const urgency = new Urgency(nobody);
    const taken = Array.from({ length: 25 }, (_, index) => urgency.takeEarlyFlush(index * 1_000));
    expect(taken.filter(Boolean)).toHaveLength(20);
    expect(urgency.takeEarlyFlush(599_999)).toBe(false);
    expect(urgency.takeEarlyFlush(600_000)).toBe(true);
    expect(urgency.takeEarlyFlush(600_500)).toBe(false);
  });
});
