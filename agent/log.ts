/** What the agent says about itself; pino's shape, so that a pino logger fits as it is. */
export interface Log {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Says a lasting trouble once when it begins, once when its reason changes and once when it is over. */
export class Trouble {
  readonly #log: Log;
  readonly #what: string;
  #reason: string | undefined;

  constructor(log: Log, what: string) {
    this.#log = log;
    this.#what = what;
  }

  /** `fields` may vary; only another `reason` is said again. */
  says(reason: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (reason === this.#reason) return;
    this.#reason = reason;
    this.#log.warn({ ...fields, reason }, `${this.#what}: ${reason}; trying on`);
  }

  over(): void {
    if (this.#reason === undefined) return;
    this.#reason = undefined;
    this.#log.info({}, `${this.#what}: works again`);
  }
}
