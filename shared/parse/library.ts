/** `holdfast/parse`: what other programs may import of the parser (docs/parser.md). */
export { parseLine } from './line.ts';
export { longIdMicros } from './queue-id.ts';
export type { DeliveryStatus, Head, LogRecord, Parsed, TimeContext } from './record.ts';
export { blocklistIn, type ReplyClass, replyClass } from './reply.ts';
