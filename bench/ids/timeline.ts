/** A line to come, and the row that `ids` owes once it has stood in the log. */
interface Entry {
  readonly atMicros: number;
  readonly text: string;
  readonly row: string | undefined;
}

/** Lines that stories planned for later, in buckets of one second, so that a day of them costs no sorting of its own. */
export class Timeline {
  readonly #buckets = new Map<number, Entry[]>();

  add(at: number, text: string, row?: string): void {
    const atMicros = Math.floor(at);
    const second = Math.floor(atMicros / 1e6);
    const bucket = this.#buckets.get(second);
    if (bucket === undefined) this.#buckets.set(second, [{ atMicros, text, row }]);
    else bucket.push({ atMicros, text, row });
  }

  /** Takes out what was planned for that second, in order of time. */
  take(second: number): Entry[] {
    const bucket = this.#buckets.get(second) ?? [];
    this.#buckets.delete(second);
    return bucket.sort((a, b) => a.atMicros - b.atMicros);
  }
}
