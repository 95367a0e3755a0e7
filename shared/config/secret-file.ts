import { statSync } from 'node:fs';
import { ConfigError } from './config-error.ts';

/**
 * A config file that holds a key or limits belongs to the user who starts the program, and to nobody else: whoever can
 * write exec.yaml could give himself other keys and limits.
 * @throws ConfigError naming the file, what is wrong with it, and the command that mends it
 */
export function checkSecretFile(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  // A missing file is for the reader to complain about.
  if (stat === undefined) return;
  const uid = process.getuid?.();
  const mend = `chown ${uid === 0 ? 'root' : uid} ${path} && chmod 0600 ${path}`;
  if (stat.uid !== uid) throw new ConfigError(`${path}: belongs to uid ${stat.uid}, not to uid ${uid}: ${mend}`);
  const mode = stat.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new ConfigError(`${path}: mode 0${mode.toString(8)} lets others in, want 0600: ${mend}`);
  }
}
