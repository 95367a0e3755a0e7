import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type Log, reasonOf } from '../log.ts';
import type { PolicyPlace } from './server.ts';

/** The folder of an instance's socket: the agent's, open to Postfix's own group and nobody else. */
interface PolicyFolder {
  readonly name: string;
  readonly path: string;
  /** Of `mail_owner`, which smtpd runs as. */
  readonly gid: number;
}

/**
 * `<queue_directory>/holdfast` of each instance. smtpd may be chrooted into its queue directory, so that is where the
 * socket has to be; `unix:holdfast/policy` names it in either case. An instance without a readable main.cf is told of.
 */
export function policyFolders(
  instances: readonly { readonly name: string; readonly configDirectory: string }[],
  log: Log,
): PolicyFolder[] {
  return instances.flatMap(({ name, configDirectory }) => {
    try {
      const [queueDirectory, mailOwner] = tool('postconf', [
        ...['-c', configDirectory, '-h', '-x', 'queue_directory', 'mail_owner'],
      ]).split('\n');
      if (!queueDirectory?.startsWith('/') || !mailOwner) throw new Error('main.cf names no queue_directory');
      return [{ name, path: join(queueDirectory, 'holdfast'), gid: Number(tool('id', ['-g', '--', mailOwner])) }];
    } catch (error) {
      log.error({ instance: name, reason: reasonOf(error) }, `brake: not for instance ${name}`);
      return [];
    }
  });
}

export function socketIn({ name, path }: PolicyFolder): PolicyPlace {
  return { name, path: join(path, 'policy') };
}

function tool(command: string, argv: readonly string[]): string {
  return execFileSync(command, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
