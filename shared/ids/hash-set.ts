/**
 * A set of hashes that may say yes where it should say no, but never the other way round: a Bloom filter of three bits a
 * key, all in one cache line. With 2^27 bits (16 MiB) and ten million keys some two answers in a hundred are a false yes.
 */
export class HashSet {
  readonly #lineMask: number;
  readonly #words: number;
  #bits: Uint32Array | undefined;
  /** Keys on their way in: written together they do not wait for memory one after the other. */
  readonly #pending = new Int32Array(pendingKeys);
  #pendingCount = 0;

  constructor(log2Bits: number) {
    this.#words = 2 ** (log2Bits - 5);
    this.#lineMask = this.#words / wordsPerLine - 1;
  }

  add(hash: number): void {
    this.#pending[this.#pendingCount] = hash;
    this.#pendingCount += 1;
    if (this.#pendingCount === pendingKeys) this.#write();
  }

  has(hash: number): boolean {
    this.#write();
    const bits = this.#bits;
    if (bits === undefined) return false;
    const line = this.#lineOf(hash);
    const which = Math.imul(hash, 0x85ebca6b);
    return (
      isSet(bits, line, which >>> 23) &&
      isSet(bits, line, (which >>> 14) & 511) &&
      isSet(bits, line, (which >>> 5) & 511)
    );
  }

  #write(): void {
    if (this.#pendingCount === 0) return;
    this.#bits ??= new Uint32Array(this.#words);
    const bits = this.#bits;
    for (let index = 0; index < this.#pendingCount; index++) {
      const hash = this.#pending[index] ?? 0;
      const line = this.#lineOf(hash);
      const which = Math.imul(hash, 0x85ebca6b);
      set(bits, line, which >>> 23);
      set(bits, line, (which >>> 14) & 511);
      set(bits, line, (which >>> 5) & 511);
    }
    this.#pendingCount = 0;
  }

  /** Index of the first word of a key's line. */
  #lineOf(hash: number): number {
    const mixed = Math.imul(hash, 0x9e3779b1);
    return ((mixed ^ (mixed >>> 15)) & this.#lineMask) * wordsPerLine;
  }
}

const wordsPerLine = 16;
const pendingKeys = 1024;

function set(bits: Uint32Array, line: number, bit: number): void {
  const word = line + (bit >>> 5);
  bits[word] = (bits[word] ?? 0) | (1 << (bit & 31));
}

function isSet(bits: Uint32Array, line: number, bit: number): boolean {
  return (((bits[line + (bit >>> 5)] ?? 0) >>> (bit & 31)) & 1) === 1;
}
