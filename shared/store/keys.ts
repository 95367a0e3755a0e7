import { accountKey } from '../account/account.ts';

/**
 * Every key of the item table, in one place; docs/store.md lists what reads and writes each. Times in sort keys are
 * zero-padded milliseconds, so that text order is time order.
 */
export const keys = {
  part: (relay: string, hour: number) => `part#${relay}#${hour}`,
  partSort: (sentAt: number, bodyHash: string) => `${time(sentAt)}#${bodyHash}`,
  account: (account: string) => `account#${accountKey(account)}`,
  finding: (day: string) => `finding#${day}`,
  containments: 'containment',
  relays: 'relay',
  relay: (relay: string) => `relay#${relay}`,
  outbox: (shard: number) => `outbox#${shard}`,
  announcements: 'outbox#announcements',
  audit: (day: string) => `audit#${day}`,
  chains: 'chain',
} as const;

/** Sort keys below an account's and a relay's own partition. */
export const sorts = {
  finding: 'finding',
  onRelay: (relay: string) => `relay#${relay}`,
  status: 'status',
  snapshot: (instance: string) => `snapshot#${instance}`,
  desired: 'desired',
  number: (account: string) => `number#${accountKey(account)}`,
  command: (jti: string) => `command#${jti}`,
} as const;

export const hourMs = 3_600_000;

export function time(ms: number): string {
  return String(ms).padStart(15, '0');
}

/** UTC day of an instant: `2026-11-25`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
