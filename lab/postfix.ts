import { chmod, chown, mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { freePort, isFree } from './free-port.ts';
import { type ConfigInput, mainCf, masterCf, paths, smtpdConf } from './postfix-config.ts';
import { mustRun, run } from './run.ts';
import { type LabRelay, openSession } from './smtp-client.ts';

/**
 * Throwaway Postfix instances: a folder each, their own log, queue, logins and loopback address. Needs root and the
 * packages that {@link missing} names; needs no systemd, no syslogd, no DNS.
 */
export interface LabPostfixOptions {
  /**
   * Made if absent; everything of the instance lives in it. Postfix' own user must reach it: a fresh
   * `fs.mkdtemp` folder above it needs `chmod 755`.
   */
  readonly directory: string;
  /** `syslog_name`, and the host name before the realm. Letters, digits, hyphens. */
  readonly name: string;
  /** Loopback address to listen on. */
  readonly address?: string;
  /** A free one where absent. */
  readonly port?: number;
  /**
   * Logins as typed. One without `@` also works as `login@realm`. The password database is case-sensitive: other
   * spellings want entries of their own.
   */
  readonly users: readonly { readonly login: string; readonly password: string }[];
  readonly realm: string;
  readonly longQueueIds?: boolean;
  /** `[127.0.0.1]:2600`: where all mail goes. */
  readonly nextHop?: string;
  /** Queue everything, deliver nothing. */
  readonly deferTransports?: boolean;
  /** Wires `check_sasl_access lmdb:<configDirectory>/holdfast/sasl_access` (made empty); on by default. */
  readonly saslAccessMap?: boolean;
  readonly portLogging?: boolean;
  /** main.cf parameters, over ours. */
  readonly extraMain?: Readonly<Record<string, string>>;
  /** master.cf lines, after ours. */
  readonly extraMaster?: readonly string[];
}

export interface LabPostfix extends LabRelay {
  readonly configDirectory: string;
  readonly queueDirectory: string;
  readonly maillog: string;
  readonly host: string;
  readonly port: number;
  /** Ends every process of the instance; the files stay. Again is nothing. */
  stop(): Promise<void>;
  /** Starts it again on the same files. */
  start(): Promise<void>;
  reload(): Promise<void>;
  /** Sets main.cf parameters and reloads: `{ defer_transports: '' }` lets the queue flow. */
  configure(parameters: Readonly<Record<string, string>>): Promise<void>;
}

/** @throws Error with Postfix' own words if it does not come up. */
export async function startPostfix(options: LabPostfixOptions): Promise<LabPostfix> {
  if (!/^[A-Za-z0-9][A-Za-z0-9-]*$/.test(options.name)) {
    throw new Error(`instance name ${JSON.stringify(options.name)}: letters, digits and hyphens only`);
  }
  const address = options.address ?? '127.0.0.1';
  const input: ConfigInput = {
    directory: options.directory,
    name: options.name,
    hostname: `${options.name}.${options.realm}`,
    address,
    port: options.port ?? (await freePort(address)),
    longQueueIds: options.longQueueIds ?? true,
    nextHop: options.nextHop,
    deferTransports: options.deferTransports ?? false,
    saslAccessMap: options.saslAccessMap ?? true,
    portLogging: options.portLogging ?? true,
    extraMain: options.extraMain ?? {},
    extraMaster: options.extraMaster ?? [],
  };
  await prepare(input, options);
  const at = paths(options.directory);
  const postfix = (...args: string[]) => run('postfix', ['-c', at.configDirectory, ...args]);

  const start = async () => {
    if (!(await isFree(address, input.port)))
      throw new Error(`postfix ${input.name}: ${address}:${input.port} is taken`);
    const started = await postfix('start');
    if (started.code === 0) return;
    const log = await readFile(at.maillog, 'utf8').catch(() => '');
    throw new Error(`postfix ${input.name} did not start: ${started.stderr}${log.slice(-2000)}`.trim());
  };
  const reload = async () => {
    await mustRun('postfix', ['-c', at.configDirectory, 'reload']);
  };
  await start();
  return {
    name: input.name,
    configDirectory: at.configDirectory,
    queueDirectory: at.queueDirectory,
    maillog: at.maillog,
    host: address,
    port: input.port,
    openSession: (client) => openSession({ ...client, host: address, port: input.port }),
    start,
    reload,
    async stop() {
      const running = (await postfix('status')).code === 0;
      if (running && (await postfix('stop')).code !== 0) await mustRun('postfix', ['-c', at.configDirectory, 'abort']);
    },
    async configure(parameters) {
      const settings = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
      await mustRun('postconf', ['-c', at.configDirectory, '-e', ...settings]);
      await makeCold(at.configDirectory);
      await reload();
    },
  };
}

/** Side by side, in the order given. If one does not come up, none stays. */
export async function startAllPostfix(all: readonly LabPostfixOptions[]): Promise<LabPostfix[]> {
  const results = await Promise.allSettled(all.map((options) => startPostfix(options)));
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return started;
  await Promise.all(started.map((relay) => relay.stop()));
  throw failed.reason;
}

async function prepare(input: ConfigInput, options: LabPostfixOptions): Promise<void> {
  const at = paths(input.directory);
  const { uid, gid } = await postfixUser();
  for (const folder of [at.configDirectory, at.saslDirectory, at.queueDirectory, at.dataDirectory]) {
    await mkdir(folder, { recursive: true });
  }
  await chmod(input.directory, 0o755);
  await mustBeReachable(input.directory);
  await chown(at.dataDirectory, uid, gid);
  await writeFile(join(at.configDirectory, 'main.cf'), mainCf(input));
  await writeFile(join(at.configDirectory, 'master.cf'), masterCf(input));
  await writeFile(join(at.saslDirectory, 'smtpd.conf'), smtpdConf(input.directory));
  // Readable for an unprivileged agent; group-writable because postsuper, too, logs there while Postfix is stopped.
  await writeFile(at.maillog, '', { flag: 'a' });
  await chown(at.maillog, 0, gid);
  await chmod(at.maillog, 0o664);
  if (input.saslAccessMap) {
    // The map exists before anything is wired to it: a missing one would answer 451 to every login.
    await mkdir(at.mapDirectory, { recursive: true });
    await writeFile(at.mapSource, '');
    await mustRun('postmap', ['-c', at.configDirectory, `lmdb:${at.mapSource}`]);
  }
  for (const user of options.users) await addUser(input, options.realm, user);
  if (options.users.length > 0) {
    await chown(at.saslDatabase, 0, gid);
    await chmod(at.saslDatabase, 0o640);
  }
  await makeCold(at.configDirectory);
}

/** Cyrus looks a bare login up under the host name and `name@realm` under the realm. */
async function addUser(input: ConfigInput, realm: string, user: { login: string; password: string }): Promise<void> {
  const mark = user.login.lastIndexOf('@');
  const name = mark < 0 ? user.login : user.login.slice(0, mark);
  const realms = mark < 0 ? [input.hostname, realm] : [user.login.slice(mark + 1)];
  for (const each of realms) {
    const args = ['-p', '-c', '-u', each, '-f', paths(input.directory).saslDatabase, name];
    await mustRun('saslpasswd2', args, user.password);
  }
}

/** Every Postfix program waits up to 2.5 s on a main.cf changed within the last seconds. */
async function makeCold(configDirectory: string): Promise<void> {
  const aMinuteAgo = Date.now() / 1000 - 60;
  for (const file of ['main.cf', 'master.cf']) await utimes(join(configDirectory, file), aMinuteAgo, aMinuteAgo);
}

async function postfixUser(): Promise<{ uid: number; gid: number }> {
  const line = (await mustRun('getent', ['passwd', 'postfix'])).stdout.split(':');
  return { uid: Number(line[2]), gid: Number(line[3]) };
}

async function mustBeReachable(directory: string): Promise<void> {
  for (let folder = directory; ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) throw new Error(`Postfix cannot enter ${folder}: chmod 755 it`);
    if (folder === dirname(folder)) return;
  }
}
