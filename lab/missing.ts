import { spawnSync } from 'node:child_process';
import { accessSync, constants, globSync } from 'node:fs';
import { join } from 'node:path';
import { toolPath } from './run.ts';

const postconf = 'postconf';
const packages = 'postfix postfix-lmdb sasl2-bin libsasl2-modules iproute2';

/**
 * What keeps this machine from running throwaway Postfix instances, as one line that also says how to get it;
 * undefined if nothing does. Looks at the programs themselves, not at a package list.
 */
export function missing(): string | undefined {
  const lacking: string[] = [];
  for (const tool of ['postfix', postconf, 'postmap', 'postsuper', 'smtp-sink']) {
    if (!onPath(tool)) {
      lacking.push('postfix');
      break;
    }
  }
  if (lacking.length === 0 && !hasLmdb()) lacking.push('postfix-lmdb');
  if (!onPath('saslpasswd2')) lacking.push('sasl2-bin');
  if (!hasPlugin('libplain.so') || !hasPlugin('libsasldb.so')) lacking.push('libsasl2-modules');
  if (!onPath('ss')) lacking.push('iproute2');
  const install = lacking.length > 0 ? `${lacking.join(', ')} (apt-get install ${packages})` : undefined;
  const root = process.getuid?.() === 0 ? undefined : 'root (Postfix instances start and stop as root: run it by sudo)';
  const all = [install, root].filter((part) => part !== undefined);
  return all.length === 0 ? undefined : `real Postfix needs ${all.join(' and ')}`;
}

function onPath(tool: string): boolean {
  return toolPath.split(':').some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function hasLmdb(): boolean {
  const asked = spawnSync(postconf, ['-m'], { env: { PATH: toolPath }, encoding: 'utf8' });
  return asked.status === 0 && asked.stdout.split('\n').includes('lmdb');
}

function hasPlugin(file: string): boolean {
  return globSync([`/usr/lib/*/sasl2/${file}*`, `/usr/lib/sasl2/${file}*`, `/usr/lib64/sasl2/${file}*`]).length > 0;
}
