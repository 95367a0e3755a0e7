import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Holds a state folder for one process, as long as it lives: the kernel lets go when it dies, however it dies. Node has
 * no flock(2); SQLite's own lock on a file of its own is one.
 * @throws Error naming the folder where another process holds it
 */
export function lockState(directory: string, owner: string): { release(): void } {
  const path = join(directory, 'lock');
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    chmodSync(path, 0o600);
    db.exec('BEGIN EXCLUSIVE');
  } catch {
    db.close();
    throw new Error(`${directory}: another ${owner} is running on it`);
  }
  return { release: () => db.close() };
}
