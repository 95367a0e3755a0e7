import { createHmac, randomBytes } from 'node:crypto';
import * as z from 'zod';
import type { AccountRule } from '../account/account.ts';
import { ConfigError } from '../config/config-error.ts';
import type { KeyedHash } from '../correlate/collect.ts';
import type { ItemTable, Json } from './item-table.ts';

const fixed = z.object({
  realm: z.string().optional(),
  realmAliases: z.record(z.string(), z.string()),
  hashKey: z.string(),
});

export const fixedPartition = 'hub';

/**
 * What keys and hashes are made from: fixed at the first start, since everything stored depends on it.
 * @throws ConfigError where `wanted` differs from what was fixed
 */
export async function openFixed(
  table: ItemTable,
  wanted: AccountRule,
): Promise<{ readonly accountRule: AccountRule; readonly hash: KeyedHash }> {
  const rule = lowerCase(wanted);
  const first = { ...rule, hashKey: randomBytes(32).toString('base64') };
  const [pk, sk] = [fixedPartition, 'fixed'];
  if ((await table.get(pk, sk)) === undefined) await table.put({ pk, sk, body: first as Json }, 'absent');
  const { hashKey, ...kept } = fixed.parse((await table.get(pk, sk))?.body);
  if (canonical(kept) !== canonical(rule)) {
    throw new ConfigError(
      `realm and realmAliases were fixed at the first start as ${canonical(kept)}; a change needs a new state`,
    );
  }
  const key = Buffer.from(hashKey, 'base64');
  const hash: KeyedHash = (text) => createHmac('sha256', key).update(text).digest('base64url').slice(0, 11);
  return { accountRule: kept, hash };
}

function lowerCase({ realm, realmAliases }: AccountRule): AccountRule {
  const aliases = Object.entries(realmAliases).map(([from, to]) => [from.toLowerCase(), to.toLowerCase()] as const);
  return { realmAliases: Object.fromEntries(aliases), ...(realm !== undefined && { realm: realm.toLowerCase() }) };
}

function canonical(rule: AccountRule): string {
  return JSON.stringify({ realm: rule.realm, realmAliases: Object.entries(rule.realmAliases).sort() });
}
