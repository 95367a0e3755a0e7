/** Room outside of memory, for blocks of bytes: a temporary file. */
export interface Spill {
  write(block: Uint8Array): void;
  /** All blocks, as they were written. */
  blocks(): Iterable<Buffer>;
}
