import { canBeKey, isPlain, mapPath } from '../../agent/exec/access-map.ts';
import { runTool, runToolOrThrow } from '../../agent/exec/tool.ts';
import { type AccountRule, spellings } from '../../shared/account/account.ts';
import type { Instance } from './instances.ts';
import { shellWord } from './shell.ts';

/** What stops an account's new mail on one instance. */
export interface StopLines {
  readonly instance: string;
  /** For a shell of root, in this order. */
  readonly commands: readonly string[];
  /** What those do not do. */
  readonly notes: readonly string[];
}

const stages = ['smtpd_sender_restrictions', 'smtpd_end_of_data_restrictions'] as const;

/**
 * The commands that make smtpd hold (or, where it cannot hold, refuse) what the account still sends. They are printed
 * and never run: main.cf is the site's own.
 */
export async function stopLines(
  instance: Instance,
  account: string,
  logins: readonly string[],
  rule: AccountRule,
): Promise<StopLines> {
  const { configDirectory, name } = instance;
  const postconf = (...argv: string[]) => runToolOrThrow('postconf', ['-c', configDirectory, ...argv]);
  const { stdout: services } = await runTool('postconf', ['-c', configDirectory, '-P']);
  const notes: string[] = [];
  const map = `lmdb:${mapPath(configDirectory)}`;
  const at = `-c ${shellWord(configDirectory)}`;

  const proxied = /^smtpd_proxy_filter = \S|\/smtpd_proxy_filter = \S/m.test(
    `${await postconf('smtpd_proxy_filter')}\n${services}`,
  );
  const answer = proxied ? '421 4.7.0 account held' : 'HOLD holdfast rescue';
  if (proxied) notes.push('smtpd_proxy_filter: HOLD does not exist before it, so the map answers 421');

  const keys = spellings(account, logins, rule);
  // Blanks and the like are no keys of a postmap source; control characters are none of any map.
  const [fit, unfit] = [keys.filter(isPlainKey), keys.filter((key) => !isPlainKey(key))];
  if (unfit.length > 0) notes.push(`no key of such a map: ${unfit.map((key) => JSON.stringify(key)).join(', ')}`);
  const commands = [
    `mkdir -p ${shellWord(mapPath(configDirectory).replace(/\/[^/]*$/, ''))}`,
    `printf '%s\\n' ${fit.map((key) => shellWord(`${key} ${answer}`)).join(' ')} | postmap ${at} -i ${shellWord(map)}`,
  ];
  if (!(await postconf('-m')).split('\n').includes('lmdb')) {
    notes.push('this Postfix has no lmdb: install postfix-lmdb first (open sessions do not see changes of other maps)');
  }

  const check = `check_sasl_access ${map}`;
  const isWired: boolean[] = [];
  for (const stage of stages) {
    const own = (await postconf('-h', stage)).trim();
    isWired.push(has(own, check));
    if (!has(own, check)) commands.push(`postconf ${at} -e ${shellWord(setting(stage, check, own))}`);
    for (const line of services.split('\n')) {
      const [, service, text] = new RegExp(`^(\\S+/\\S+)/${stage} = (.*)$`).exec(line) ?? [];
      if (service === undefined || text === undefined || has(text, check) || text.includes(`$${stage}`)) continue;
      isWired.push(false);
      const name = `${service}/${stage}`;
      if (/[{}]/.test(text)) notes.push(`master.cf, ${name}: put ${check} before ${text} by hand`);
      // -P takes no blanks on 3.7; to Postfix a comma is the same.
      else commands.push(`postconf ${at} -P ${shellWord(setting(name, check, text).replace(/[\s,]+/g, ','))}`);
    }
  }
  if (isWired.includes(false)) {
    commands.push(`postfix ${at} reload`);
    notes.push(
      'sessions open now keep the old settings until they end: `ss -K dst ADDRESS` ends those of an address, ' +
        '`postfix stop` and `postfix start` end all',
    );
  } else notes.push('the map is wired in already: an agent that keeps it takes out again what its hub does not know');
  return { instance: name, commands, notes };
}

function setting(name: string, check: string, before: string): string {
  return `${name}=${check}${before === '' ? '' : `, ${before}`}`;
}

/** Blanks and commas are the same in a list of restrictions. */
function has(restrictions: string, check: string): boolean {
  return restrictions.replace(/[\s,]+/g, ' ').includes(check);
}

function isPlainKey(key: string): boolean {
  return canBeKey(key) && isPlain(key);
}
