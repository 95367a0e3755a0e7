const flushChars = 1 << 16;

/** Lines to standard output, in large pieces, no faster than it takes them. */
export class Output {
  #pending: string[] = [];
  #chars = 0;

  line(text: string): void {
    this.#pending.push(text);
    this.#chars += text.length + 1;
  }

  /** Whether it is worth writing now. */
  get full(): boolean {
    return this.#chars >= flushChars;
  }

  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const text = `${this.#pending.join('\n')}\n`;
    this.#pending = [];
    this.#chars = 0;
    if (!process.stdout.write(text))
      await new Promise<void>((resolve) => process.stdout.once('drain', () => resolve()));
  }
}
