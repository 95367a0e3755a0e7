/** When a pack of lines may not wait its ten seconds: a login, or the relay as a whole, submits fast. */
const loginBurst = { submissions: 5, withinMs: 10_000 };
const relayBurst = { submissions: 20, withinMs: 1_000 };
/** Early packs cost money; a storm that lasts fills its packs anyway. */
const budget = { flushes: 20, withinMs: 600_000 };
/** Logins watched at a time, the least active forgotten first. */
const maxLogins = 10_000;

/** Counts over the whole relay, whichever of its logs a line came from. No clock: `nowMs` is monotonic. */
export class Urgency {
  readonly #byLogin = new Map<string, number[]>();
  readonly #all: number[] = [];
  readonly #flushes: number[] = [];
  readonly #isContained: (login: string) => boolean;

  /** Accounts already contained here are no news. */
  constructor(isContained: (login: string) => boolean) {
    this.#isContained = isContained;
  }

  /** One submission of `login` was read. True if the pack that holds it should leave early. */
  submission(login: string, nowMs: number): boolean {
    if (this.#isContained(login)) return false;
    const times = this.#byLogin.get(login) ?? [];
    // Deleted and set again: the map's order is that of the last submission.
    this.#byLogin.delete(login);
    this.#byLogin.set(login, times);
    const oldest = this.#byLogin.keys().next();
    if (this.#byLogin.size > maxLogins && oldest.done !== true) this.#byLogin.delete(oldest.value);
    const byLogin = fills(times, nowMs, loginBurst);
    const overall = fills(this.#all, nowMs, relayBurst);
    return byLogin || overall;
  }

  /** Whether an early flush is left; takes it. */
  takeEarlyFlush(nowMs: number): boolean {
    const first = this.#flushes[0];
    if (this.#flushes.length >= budget.flushes && first !== undefined && nowMs - first < budget.withinMs) return false;
    this.#flushes.push(nowMs);
    if (this.#flushes.length > budget.flushes) this.#flushes.shift();
    return true;
  }
}

/** Adds a time to a ring of the last `submissions` ones; true if they all lie within the span. */
function fills(times: number[], nowMs: number, burst: { submissions: number; withinMs: number }): boolean {
  times.push(nowMs);
  if (times.length > burst.submissions) times.shift();
  const first = times[0];
  return times.length === burst.submissions && first !== undefined && nowMs - first <= burst.withinMs;
}
