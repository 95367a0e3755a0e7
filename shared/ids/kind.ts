/**
 * What a line that speaks of a queue ID looks like at first sight. Only `other` was read by the parser; of the rest the
 * beginning (of some the end) is as the form has it, and who wants to believe more has to look (plain.ts). Plain
 * constants, because wasm/sift.ts compiles them in.
 */
export const other = 0;
/** `client=` of a client without a login: to the line's end nothing else. */
export const accepted = 1;
/** `client=…, sasl_method=…, sasl_username=…`. */
export const login = 2;
/** `client=…, orig_queue_id=…`, from XFORWARD. */
export const forwarded = 3;
export const messageId = 4;
/** qmgr's `from=<… (queue active)`. */
export const queued = 5;
export const removed = 6;
export const delivered = 7;
/** A delivery whose reply names this ID, by one of our own hosts: the line is the parent's. */
export const named = 8;
