/** One complete line of a log file. */
export interface Line {
  /** Bytes from the file's start to the line's first byte. */
  readonly offset: number;
  /** Offset of the next line's first byte. */
  readonly end: number;
  /** Without its newline; cut where the line was longer than {@link maxLineBytes}. Bad UTF-8 shows as U+FFFD. */
  readonly text: string;
}

/** syslog lines are a few hundred bytes; what is longer is cut, so that no writer can make the agent hold it. */
export const maxLineBytes = 65_536;

const newline = 10;

/** Splits a file's bytes into lines, holding back the unfinished last one. Memory: one line at most. */
export class LineSplitter {
  /** Offset of the first byte not yet given out in a complete line. */
  #start: number;
  /** Beginning of the unfinished line, at most {@link maxLineBytes}. */
  #held: Buffer = Buffer.alloc(0);
  /** Its true length. */
  #heldBytes = 0;

  constructor(startOffset: number) {
    this.#start = startOffset;
  }

  /** Offset up to which complete lines were given out. */
  get done(): number {
    return this.#start;
  }

  /** Offset at which the next byte is expected. */
  get position(): number {
    return this.#start + this.#heldBytes;
  }

  push(bytes: Buffer): Line[] {
    const lines: Line[] = [];
    let at = 0;
    for (let stop = bytes.indexOf(newline); stop >= 0; stop = bytes.indexOf(newline, at)) {
      lines.push(this.#complete(bytes.subarray(at, stop)));
      at = stop + 1;
    }
    this.#hold(bytes.subarray(at));
    return lines;
  }

  #complete(rest: Buffer): Line {
    const whole = this.#heldBytes === 0 ? rest : Buffer.concat([this.#held, rest.subarray(0, this.#room())]);
    const offset = this.#start;
    this.#start += this.#heldBytes + rest.length + 1;
    this.#held = Buffer.alloc(0);
    this.#heldBytes = 0;
    return { offset, end: this.#start, text: whole.toString('utf8', 0, maxLineBytes) };
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#room() > 0) this.#held = Buffer.concat([this.#held, bytes.subarray(0, this.#room())]);
    this.#heldBytes += bytes.length;
  }

  #room(): number {
    return maxLineBytes - this.#held.length;
  }
}
