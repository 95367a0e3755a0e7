import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { Deps } from '../functions/deps.ts';
import { loadRules } from '../shared/decide/rules.ts';
import { openFixed } from '../shared/store/fixed.ts';
import type { ItemTable } from '../shared/store/item-table.ts';
import { storesOver } from '../shared/store/stores.ts';
import type { Signer } from '../shared/wire/jws.ts';
import type { Settings } from './settings.ts';

/** What a function is given beside its settings. */
export interface Surroundings extends Pick<Deps, 'log' | 'count' | 'announce' | 'namesSenders'> {
  readonly table: ItemTable;
  readonly sqs: SQSClient;
  readonly signer: Signer;
}

/** The functions' surroundings on AWS, built once per cold start. */
export async function awsDeps(settings: Settings, { table, ...given }: Surroundings): Promise<Deps> {
  const { HOLDFAST_REALM: realm, HOLDFAST_REALM_ALIASES: realmAliases } = settings;
  const fixed = await openFixed(table, { realmAliases, ...(realm !== undefined && { realm }) });
  return {
    ...fixed,
    ...given,
    ...storesOver(table),
    queues: { dispatch: settings.HOLDFAST_DISPATCH_QUEUE, dead: settings.HOLDFAST_DEAD_QUEUE },
    rules: loadRules(settings.HOLDFAST_RULES),
    maxContainmentsPerHour: settings.HOLDFAST_MAX_CONTAINMENTS_PER_HOUR,
    nowMs: Date.now,
    newId: () => randomBytes(4).toString('hex'),
    sleep: (ms) => sleep(ms),
  };
}

/** For functions that sign nothing and have no right to. */
export const noSigner: Signer = {
  kid: 'none',
  sign: () => Promise.reject(new Error('this function may not sign orders')),
};
