import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Minute } from './clock.ts';

/** What wasm/sift.ts exports. Texts and answers are addresses in its memory. */
interface Exports {
  sift(segment: number, from: number, end: number): number;
  add(
    segment: number,
    what: number,
    from: number,
    end: number,
    idFrom: number,
    idLength: number,
    one: number,
    other: number,
    place: number,
    atMicros: number,
  ): number;
  addEvent(segment: number, entry: number): void;
  setEventKinds(kinds: number): void;
  setTolerances(agreeMicros: number, sameLifeMicros: number): void;
  setWindow(first: number, second: number, third: number): void;
  readLife(life: number, one: number, other: number, place: number, atMicros: number): number;
  readonly lines: WebAssembly.Global;
  readonly records: WebAssembly.Global;
  readonly asked: WebAssembly.Global;
  readonly askedFrom: WebAssembly.Global;
  readonly askedEnd: WebAssembly.Global;
  readonly asker: WebAssembly.Global;
  readonly answer: WebAssembly.Global;
  readonly minute: WebAssembly.Global;
  readonly free: WebAssembly.Global;
}

const module = new WebAssembly.Module(readFileSync(join(import.meta.dirname, 'wasm/sift.wasm')));
const pageBytes = 1 << 16;
/** What the code needs for itself. */
const ownPages = 16;
const alignment = 64;
const wordBytes = 4;

/**
 * The compiled part of the sifter (wasm/), and the memory that it works on: what it knows, and behind that the segments.
 * Of a fixed size, because views of memory that grows end.
 */
export class SiftMemory {
  readonly code: Exports;
  readonly bytes: Buffer;
  readonly view: DataView;
  #free: number;

  constructor(segmentsBytes: number) {
    const pages = ownPages + Math.ceil(segmentsBytes / pageBytes);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.code = new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
    this.bytes = Buffer.from(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.#free = this.code.free.value;
  }

  /** Address of so many more bytes, all zero. */
  take(bytes: number): number {
    const at = Math.ceil(this.#free / alignment) * alignment;
    this.#free = at + bytes;
    return at;
  }

  /** The text that a question is about. */
  asked(encoding: 'utf8' | 'latin1'): string {
    return this.bytes.toString(encoding, this.code.askedFrom.value, this.code.askedEnd.value);
  }

  /** Answers a question with words, and with the text that it is about behind them. */
  answer(words: readonly number[]): void {
    const at = this.code.answer.value;
    words.forEach((word, index) => {
      this.view.setInt32(at + index * wordBytes, word, true);
    });
    this.bytes.copyWithin(at + words.length * wordBytes, this.code.askedFrom.value, this.code.askedEnd.value);
  }

  /** Tells the minute that stamps are of. */
  tell({ micros, text, offset }: Minute): void {
    const at = this.code.minute.value;
    this.view.setFloat64(at, micros, true);
    this.view.setInt32(at + 8, text.length, true);
    this.view.setInt32(at + 12, offset.length, true);
    this.bytes.write(offset, at + 16, 'latin1');
    this.bytes.write(text, at + 24, 'latin1');
  }

  /** Forgets the minute. */
  forget(): void {
    this.view.setInt32(this.code.minute.value + 8, 0, true);
  }
}
