import { realpath } from 'node:fs/promises';
import type { InstanceConfig } from '../../agent/exec/real.ts';
import { runTool, runToolOrThrow } from '../../agent/exec/tool.ts';
import { usage } from '../failure.ts';

/** What a Postfix instance says about itself. */
export interface Instance extends InstanceConfig {
  /** `maillog_file`, where Postfix writes its log itself. */
  readonly maillog?: string;
}

/**
 * The Postfix instances of this host, or those in the folders given. Their names are unique: an instance that shares its
 * syslog_name with another is named by its folder.
 * @throws usage Failure where there is none to be found
 */
export async function findInstances(directories: readonly string[]): Promise<Instance[]> {
  const relative = directories.find((directory) => !directory.startsWith('/'));
  if (relative !== undefined) throw usage(`--config-directory ${relative}: want an absolute path`);
  const folders = directories.length > 0 ? directories : await listed();
  const instances: Instance[] = [];
  for (const configDirectory of new Set(await Promise.all(folders.map(real)))) {
    const [syslogName, maillog] = await settings(configDirectory);
    const isTaken = instances.some(({ name }) => name === syslogName);
    const name = syslogName === undefined || isTaken ? configDirectory : syslogName;
    instances.push({ name, configDirectory, ...(maillog === undefined ? {} : { maillog }) });
  }
  return instances;
}

/** As postmulti(1) lists them: name, group, enabled, folder. One that is not enabled may have a queue all the same. */
async function listed(): Promise<string[]> {
  const { code, stdout } = await runTool('postmulti', ['-l']).catch((error: Error) => {
    throw usage(`no Postfix here (${error.message}); --config-directory names one`);
  });
  const folders = stdout.split('\n').flatMap((line) => /\s(\/.*)$/.exec(line)?.[1]?.trim() ?? []);
  if (code !== 0 || folders.length === 0) throw usage('postmulti -l lists no Postfix; --config-directory names one');
  return folders;
}

async function real(directory: string): Promise<string> {
  return await realpath(directory).catch((error: Error) => {
    throw usage(`--config-directory ${error.message}`);
  });
}

async function settings(configDirectory: string): Promise<(string | undefined)[]> {
  const argv = ['-c', configDirectory, '-xh', 'syslog_name', 'maillog_file'];
  const values = (await runToolOrThrow('postconf', argv)).split('\n').map((line) => line.trim());
  return values.slice(0, 2).map((value) => (value === '' ? undefined : value));
}
