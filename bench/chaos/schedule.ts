/** Numbers in [0, 1): mulberry32, small and the same everywhere, so that a seed names a round. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One moment of terror: who dies, and how long each stays dead. */
export interface Strike {
  /** After the phase began. */
  readonly atMs: number;
  readonly victims: readonly { readonly name: string; readonly downMs: number }[];
}

const longestDownMs = 2000;
/** Share of the strikes that hit two at once. */
const doubles = 0.3;

/** `count` strikes, one at a random moment of each `everyMs`; all of it from `random` alone. */
export function drawStrikes(random: () => number, names: readonly string[], count: number, everyMs: number): Strike[] {
  return Array.from({ length: count }, (_, index) => {
    const first = Math.floor(random() * names.length);
    const other = (first + 1 + Math.floor(random() * (names.length - 1))) % names.length;
    const hit = random() < doubles ? [first, other] : [first];
    return {
      atMs: Math.round((index + random()) * everyMs),
      victims: names.filter((_, at) => hit.includes(at)).map((name) => ({ name, downMs: random() * longestDownMs })),
    };
  });
}
