import { createHash } from 'node:crypto';
import type { AccountRule } from '../account/account.ts';
import type { DesiredEntry } from './orders.ts';

/** SHA-256 (hex) of a desired state: what hub and relay compare. Entries in account order, keys in a fixed one. */
export function desiredDigest(entries: readonly DesiredEntry[], rule: AccountRule): string {
  const sorted = [...entries].sort((a, b) => (a.account < b.account ? -1 : 1));
  return createHash('sha256')
    .update(canonicalJson({ entries: sorted, rule }))
    .digest('hex');
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, each]) => each !== undefined);
    return `{${fields
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, each]) => `${JSON.stringify(name)}:${canonicalJson(each)}`)
      .join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
