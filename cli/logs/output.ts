/** Bytes to standard output, no faster than it takes them. */
export class Output {
  #blocked = false;

  /** Takes bytes that may be changed afterwards. */
  write(bytes: Buffer): void {
    if (!process.stdout.write(Buffer.from(bytes))) this.#blocked = true;
  }

  /** Whether to wait before more is written. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  async drained(): Promise<void> {
    if (!this.#blocked) return;
    if (process.stdout.writableNeedDrain) await new Promise((resolve) => process.stdout.once('drain', resolve));
    this.#blocked = false;
  }
}
