import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runToolOrThrow } from './tool.ts';

/**
 * The access map that smtpd asks at each RCPT: `<config_directory>/holdfast/sasl_access.lmdb`. It is always updated in
 * place, never replaced: a session that is already open keeps the inode it opened, and one LMDB transaction of
 * postmap(1) on that inode empties and refills the map, so that session sees keys added and removed at once (measured
 * on Postfix 3.7). A killed postmap leaves the map as it was.
 */
export function mapPath(configDirectory: string): string {
  return join(configDirectory, 'holdfast', 'sasl_access');
}

/** LMDB's key limit is 511 bytes, and postmap gives up at the first longer one: nothing would be in force. */
const maxKeyBytes = 500;

/** Control characters end a map source's line; what has them cannot be a key. */
export function canBeKey(login: string): boolean {
  return login !== '' && Buffer.byteLength(login) <= maxKeyBytes && !/\p{Cc}/u.test(login);
}

/**
 * Makes the map hold exactly these keys; creates it where it is missing. A key with a blank, a leading `#` or a quote
 * is none that a postmap source can express on every release (3.7 takes quotes literally); postalias(1) can, in a
 * second transaction right after the first.
 * @throws Error with the tool's words; the map is then as it was, or lacks only keys of the second kind
 */
export async function writeAccessMap(
  commandDirectory: string,
  configDirectory: string,
  entries: ReadonlyMap<string, string>,
): Promise<void> {
  const path = mapPath(configDirectory);
  const all = [...entries];
  const unfit = all.find(([key]) => !canBeKey(key));
  if (unfit !== undefined) throw new Error(`no access map can hold the key ${JSON.stringify(unfit[0].slice(0, 80))}`);
  const plain = all.filter(([key]) => isPlain(key));
  const odd = all.filter(([key]) => !isPlain(key));
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const temporary = `${path}.new`;
  await writeFile(temporary, plain.map(([key, value]) => `${key} ${value}\n`).join(''), { mode: 0o644 });
  await rename(temporary, path);
  await runToolOrThrow(join(commandDirectory, 'postmap'), ['-c', configDirectory, `lmdb:${path}`]);
  if (odd.length === 0) return;
  const source = odd.map(([key, value]) => `"${key.replace(/["\\]/g, '\\$&')}": ${value}\n`).join('');
  await runToolOrThrow(join(commandDirectory, 'postalias'), ['-c', configDirectory, '-i', `lmdb:${path}`], {
    stdin: source,
  });
}

/** What the map holds now; without the entries that postalias adds of its own. */
export async function readAccessMap(commandDirectory: string, configDirectory: string): Promise<Map<string, string>> {
  const argv = ['-c', configDirectory, '-s', `lmdb:${mapPath(configDirectory)}`];
  const listing = await runToolOrThrow(join(commandDirectory, 'postmap'), argv);
  const entries = new Map<string, string>();
  for (const line of listing.split('\n')) {
    const tab = line.indexOf('\t');
    const key = line.slice(0, tab);
    if (tab > 0 && key !== '@' && key !== 'YP_LAST_MODIFIED' && key !== 'YP_MASTER_NAME') {
      entries.set(key, line.slice(tab + 1));
    }
  }
  return entries;
}

/** Whether a line of a postmap source can say it. */
export function isPlain(key: string): boolean {
  return !/^#|["\\\s]/u.test(key);
}
