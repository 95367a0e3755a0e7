import type { EffectCounts } from '../../shared/wire/events.ts';

export function addCounts(a: EffectCounts, b: EffectCounts): EffectCounts {
  const sum = { ...a };
  for (const name of ['held', 'released', 'purged', 'kicked', 'mismatched', 'left'] as const) {
    const value = (a[name] ?? 0) + (b[name] ?? 0);
    if (value > 0) sum[name] = value;
  }
  return sum;
}
