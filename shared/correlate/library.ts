/** `holdfast/correlate`: what other programs may import of the correlator (docs/parser.md). */
export { type AccountRule, canonicalAccount } from '../account/account.ts';
export { type KeyedHash, PartCollector } from './collect.ts';
export type { Fact, LineCounts, Part, Trace } from './facts.ts';
export { type Attribution, attribute, type OwnHost, ownHosts } from './links.ts';
export { messagesOf } from './lives.ts';
export { isMessage, type Message } from './message.ts';
