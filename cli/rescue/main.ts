import { realPostfix } from '../../agent/exec/real.ts';
import { canonicalAccount } from '../../shared/account/account.ts';
import { everything, type Selection } from '../../shared/wire/selection.ts';
import { usage } from '../failure.ts';
import type { Places } from '../places.ts';
import { parseTerm } from '../selection.ts';
import { holdAccount, purgeAccount, releaseAccount } from './contain.ts';
import type { Wanted } from './hold.ts';
import { findInstances } from './instances.ts';
import { overview } from './overview.ts';

export interface RescueCommand {
  readonly configDirectory: readonly string[];
  readonly log?: readonly string[];
  readonly hold?: string;
  readonly purge?: string;
  readonly release?: string;
  readonly select: readonly string[];
  readonly keep: readonly string[];
  readonly confirm?: string;
  readonly realm?: string;
  readonly realmAlias: Readonly<Record<string, string>>;
  readonly rules: string;
  readonly timezone: string;
  readonly top: number;
  readonly json?: true;
}

/** `holdfast rescue`: one burning relay, by hand, with no hub and nothing set up before. */
export async function rescue({ state }: Places, command: RescueCommand): Promise<void> {
  const { hold, purge, release, json = false } = command;
  const named = [hold, purge, release].filter((each) => each !== undefined);
  if (named.length > 1) throw usage('one of --hold, --purge and --release at a time');
  const rule = { realm: command.realm, realmAliases: command.realmAlias };
  const selection = readSelection(command);
  const account = canonicalAccount(named[0] ?? '', rule);
  if (account === undefined && (named.length > 0 || selection !== undefined)) {
    throw usage('name the account: --hold, --purge or --release ACCOUNT');
  }
  if (process.getuid?.() !== 0) throw usage('rescue reads and moves queue files: run it as root');

  const instances = await findInstances(command.configDirectory);
  const postfix = await realPostfix(instances);
  if (account === undefined) {
    const { rules, timezone, top, log: logs } = command;
    return await overview(postfix, instances, { rule, rules, timezone, top, json, logs });
  }
  const scene = { instances, postfix, state, json };
  const wanted: Wanted = { account, rule, ...(selection === undefined ? {} : { selection }) };
  if (hold !== undefined) await holdAccount(scene, wanted);
  else if (purge !== undefined) await purgeAccount(scene, wanted, command.confirm);
  else await releaseAccount(scene, wanted);
}

/** What `--select` names (`all`: everything) without what `--keep` names; undefined where neither is there. */
function readSelection({ select, keep }: Pick<RescueCommand, 'select' | 'keep'>): Selection | undefined {
  if (select.length === 0 && keep.length === 0) return undefined;
  const exclude = keep.map(parseTerm);
  if (!select.includes('all')) return { include: select.map(parseTerm), exclude };
  if (select.length > 1) throw usage('--select all means everything: no other --select beside it');
  return { ...everything, exclude };
}
