import ipaddr from 'ipaddr.js';
import * as z from 'zod';

/**
 * Which of an account's messages an action takes. The owner's own mail is among them (I12), so purge and release
 * name what they mean: by client network, envelope sender or time of acceptance.
 */
export const term = z.union([
  z.strictObject({ client: z.string().refine(isNetwork, 'a network: 127.66.0.0/16, 2001:db8::/32 or one address') }),
  z.strictObject({ sender: z.string().max(512) }),
  /** Accepted at or after, ms since the epoch. */
  z.strictObject({ since: z.int() }),
]);
export type Term = z.infer<typeof term>;

/** Matches where any `include` term matches (all, if there is none) and no `exclude` term does. */
export const selection = z.strictObject({ include: z.array(term).max(64), exclude: z.array(term).max(64) });
export type Selection = z.infer<typeof selection>;

export const everything: Selection = { include: [], exclude: [] };

/** What a selection looks at; all of it stands in the queue file. */
export interface Selectable {
  readonly client?: string | undefined;
  readonly sender?: string | undefined;
  readonly acceptedAtMicros?: number | undefined;
}

export function selects(selection: Selection, message: Selectable): boolean {
  if (selection.exclude.some((term) => matches(term, message))) return false;
  return selection.include.length === 0 || selection.include.some((term) => matches(term, message));
}

function matches(term: Term, message: Selectable): boolean {
  if ('client' in term) return message.client !== undefined && inNetwork(message.client, term.client);
  if ('sender' in term) return message.sender?.toLowerCase() === term.sender.toLowerCase();
  return message.acceptedAtMicros !== undefined && message.acceptedAtMicros >= term.since * 1000;
}

function isNetwork(text: string): boolean {
  return ipaddr.isValid(text) || ipaddr.isValidCIDR(text);
}

/** False, not an error, where the address is none (`unknown`): an unknown client is in no network. */
export function inNetwork(address: string, network: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (!network.includes('/')) return parsed.toString() === ipaddr.process(network).toString();
  const [range, bits] = ipaddr.parseCIDR(network);
  return parsed.kind() === range.kind() && parsed.match(range, bits);
}
