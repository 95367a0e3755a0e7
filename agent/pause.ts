import { setTimeout as sleep } from 'node:timers/promises';

/** Waits, or returns at once when `signal` aborts; never throws. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    // Aborted: the caller looks at the signal.
  }
}

/** Growing waits with full jitter, so that a thousand relays do not knock in step: up to 0.25 s, 0.5 s … 5 s. */
export class Backoff {
  #attempt = 0;

  nextMs(): number {
    const ceilingMs = Math.min(5_000, 250 * 2 ** this.#attempt);
    this.#attempt += 1;
    return ceilingMs * (0.5 + Math.random() / 2);
  }

  reset(): void {
    this.#attempt = 0;
  }
}
