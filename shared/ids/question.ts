/** Why wasm/sift.ts stops at a line. There are no more whole lines: */
export const none = 0;
/** The parser has to read this one. */
export const parse = 1;
/** Its stamp is of another minute than the one that is known. */
export const minute = 2;
/** Who wrote it, and how such lines are read. */
export const origin = 3;
/** It is the first of its origin that speaks of a queue ID. */
export const use = 4;
/** Which of our relays answers at an address. */
export const address = 5;
