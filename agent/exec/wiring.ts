import { mapPath } from './access-map.ts';
import type { InstanceConfig } from './real.ts';
import { runToolOrThrow } from './tool.ts';

/** What stands between an instance's smtpd services and a containment that holds. */
export interface Wiring {
  readonly instance: string;
  /** Commands to type, each as it stands; in this order. Empty: everything is wired in. */
  readonly commands: readonly string[];
  /** What no command mends. */
  readonly warnings: readonly string[];
}

/** As postconf(1) prints them. */
export interface Printed {
  /** `postconf -m`: map types, one a line. */
  readonly mapTypes: string;
  /** `postconf -M`: services. */
  readonly services: string;
  /** `postconf -P`: parameters that master.cf overrides, `SERVICE/TYPE/NAME = VALUE`. */
  readonly overrides: string;
  /** `postconf NAME…`, and `postconf -x NAME…`: with `$names` in place. */
  readonly main: string;
  readonly mainExpanded: string;
  readonly overridesExpanded: string;
}

/** The first stage catches a session's next message, the second the one that is being sent right now. */
const stages = ['smtpd_sender_restrictions', 'smtpd_end_of_data_restrictions'];
const names = [...stages, 'smtpd_client_port_logging', 'smtpd_sasl_auth_enable', 'smtpd_proxy_filter'];

/** Reads an instance's configuration; changes nothing. @throws Error with postconf's words */
export async function checkWiring(config: InstanceConfig): Promise<Wiring> {
  const postconf = (...argv: string[]) => runToolOrThrow('postconf', ['-c', config.configDirectory, ...argv]);
  return wiringOf(config, {
    mapTypes: await postconf('-m'),
    services: await postconf('-M'),
    overrides: await postconf('-P'),
    overridesExpanded: await postconf('-P', '-x'),
    main: await postconf(...names),
    mainExpanded: await postconf('-x', ...names),
  });
}

export function wiringOf({ name, configDirectory }: InstanceConfig, printed: Printed): Wiring {
  const wanted = `check_sasl_access lmdb:${mapPath(configDirectory)}`;
  const [main, mainExpanded] = [valuesOf(printed.main), valuesOf(printed.mainExpanded)];
  const [own, ownExpanded] = [valuesOf(printed.overrides), valuesOf(printed.overridesExpanded)];
  const commands = new Set<string>();
  const warnings: string[] = [];
  if (!printed.mapTypes.split(/\s+/).includes('lmdb')) {
    warnings.push('this Postfix reads no lmdb maps (Debian: package postfix-lmdb); nothing would be in force');
  }
  for (const service of smtpdServices(printed.services)) {
    const effective = (parameter: string): string =>
      ownExpanded.get(`${service}/${parameter}`) ?? mainExpanded.get(parameter) ?? '';
    // Where nobody can log in, nobody's account is used.
    if (effective('smtpd_sasl_auth_enable') !== 'yes') continue;
    for (const stage of stages) {
      if (isFirst(effective(stage), wanted)) continue;
      const owned = own.get(`${service}/${stage}`);
      const before = owned ?? main.get(stage) ?? '';
      if (owned !== undefined && /\s/.test(before)) {
        // postconf(1) takes no blanks there, and what is in braces is not ours to take apart.
        warnings.push(`${service} has a ${stage} of its own in master.cf; put ${wanted} before it there`);
        continue;
      }
      const value = first(wanted, before, owned === undefined ? ', ' : ',');
      commands.add(
        owned === undefined
          ? `postconf -c ${configDirectory} -e ${quoted(`${stage} = ${value}`)}`
          : `postconf -c ${configDirectory} -P ${quoted(`${service}/${stage}=${value}`)}`,
      );
    }
    if (effective('smtpd_client_port_logging') !== 'yes') {
      const isOwn = own.has(`${service}/smtpd_client_port_logging`);
      commands.add(
        isOwn
          ? `postconf -c ${configDirectory} -P ${quoted(`${service}/smtpd_client_port_logging=yes`)}`
          : `postconf -c ${configDirectory} -e ${quoted('smtpd_client_port_logging = yes')}`,
      );
    }
    const filter = effective('smtpd_proxy_filter');
    if (filter !== '') {
      warnings.push(
        `${service} hands mail to the before-queue proxy ${filter}: HOLD is not available there, a quarantine does not stop mail that comes in by it; a block does`,
      );
    }
  }
  if (commands.size > 0) commands.add(`postfix -c ${configDirectory} reload`);
  return { instance: name, commands: [...commands], warnings };
}

/** A restriction before ours could permit first. */
function isFirst(value: string, wanted: string): boolean {
  return restrictions(value)[0] === wanted;
}

/** The list with ours at its front; the rest as it stands, but for ours where it comes too late. */
function first(wanted: string, before: string, comma: string): string {
  const rest = before
    .replace(wanted, '')
    .replace(wanted.replace(' ', ','), '')
    .replace(/^[\s,]+|[\s,]+$/g, '');
  const front = comma === ',' ? wanted.replace(' ', ',') : wanted;
  return rest === '' ? front : `${front}${comma}${rest.replace(/,\s*,/g, ',')}`;
}

/** Restrictions of a list; those that take a table are two words (postconf(5)). */
function restrictions(value: string): string[] {
  const words = value.split(/[\s,]+/).filter((word) => word !== '');
  const list: string[] = [];
  for (const word of words) {
    const before = list.at(-1);
    if (before?.startsWith('check_') && !before.includes(' ')) list[list.length - 1] = `${before} ${word}`;
    else list.push(word);
  }
  return list;
}

/** `submission/inet` of each service that runs smtpd(8). */
function smtpdServices(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [name, type, , , , , , command] = line.split(/\s+/);
    return command === 'smtpd' ? [`${name}/${type}`] : [];
  });
}

function valuesOf(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line.includes('='));
  return new Map(
    lines.map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
}

/** For a shell: what stands in a restriction list may hold anything but a quote unescaped. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
