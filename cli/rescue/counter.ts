const everyMs = 200;

/** One line on standard error that says how far we are, if that is a terminal. */
export class Counter {
  readonly #terminal = process.stderr.isTTY === true;
  #drawnAt = 0;

  show(text: () => string): void {
    const now = Date.now();
    if (!this.#terminal || now - this.#drawnAt < everyMs) return;
    this.#drawnAt = now;
    process.stderr.write(`\r\x1b[K${text()}`);
  }

  clear(): void {
    if (this.#drawnAt > 0) process.stderr.write('\r\x1b[K');
    this.#drawnAt = 0;
  }
}
