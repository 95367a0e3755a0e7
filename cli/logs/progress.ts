import type { Progress } from './feed.ts';

const everyMs = 200;
const width = 30;

/** A bar on standard error, if that is a terminal. */
export class ProgressBar {
  readonly #terminal = process.stderr.isTTY === true;
  readonly #startedAt = Date.now();
  #drawnAt = Date.now();
  #drawn = false;

  show({ totalBytes, readBytes }: Progress): void {
    const now = Date.now();
    if (!this.#terminal || now - this.#drawnAt < everyMs) return;
    this.#drawnAt = now;
    this.#drawn = true;
    const seconds = (now - this.#startedAt) / 1000;
    const speed = `${megabytes(readBytes)} MB, ${megabytes(readBytes / seconds)} MB/s`;
    if (totalBytes === undefined || totalBytes === 0) {
      process.stderr.write(`\r\x1b[K${speed}`);
      return;
    }
    const share = Math.min(1, readBytes / totalBytes);
    const left = share > 0 ? Math.ceil((seconds / share) * (1 - share)) : 0;
    const bar = '#'.repeat(Math.round(share * width)).padEnd(width, '.');
    process.stderr.write(`\r\x1b[K[${bar}] ${Math.floor(share * 100)} %, ${speed}, ${left} s left`);
  }

  /** Takes the bar away: something else is going to be printed, which may be on the same terminal. */
  clear(): void {
    if (this.#drawn) process.stderr.write('\r\x1b[K');
    this.#drawn = false;
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
