import { randomBytes } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import { type Log, reasonOf } from '../log.ts';
import { isMissing } from '../log-files.ts';
import type { Remembered } from './brake.ts';

/** Written between answers: so much at a time, that none waits long for it. */
const chunkAccounts = 100;

/**
 * Hands over what was remembered, as far as the file can be read; the key that its numbers were made with, a new one
 * where there is none.
 */
export async function loadMemory(path: string, log: Log, remember: (each: Remembered) => void): Promise<string> {
  let key: string | undefined;
  try {
    await using file = await open(path, 'r');
    for await (const line of file.readLines()) {
      const fields: unknown = JSON.parse(line);
      if (!Array.isArray(fields)) throw new Error('a line that is no list');
      if (key === undefined) key = String(fields[0]);
      else remember(rememberedOf(fields));
    }
  } catch (error) {
    if (!isMissing(error)) log.warn({ reason: reasonOf(error) }, `${path} is damaged: learning recipients anew`);
  }
  return key ?? randomBytes(16).toString('base64');
}

/** Aside, then renamed: a kill leaves the one before. @throws Error on a full disk */
export async function saveMemory(path: string, key: string, accounts: Iterable<Remembered>): Promise<void> {
  const temporary = `${path}.new`;
  {
    await using file = await open(temporary, 'w', 0o600);
    let text = `${JSON.stringify([key])}\n`;
    let count = 0;
    for (const { account, sinceMs, recipients } of accounts) {
      const numbers = Buffer.from(recipients.buffer).toString('base64');
      text += `${JSON.stringify([account, sinceMs, numbers])}\n`;
      count += 1;
      if (count % chunkAccounts !== 0) continue;
      await file.writeFile(text);
      text = '';
    }
    await file.writeFile(text);
    await file.sync();
  }
  await rename(temporary, path);
}

function rememberedOf([account, sinceMs, numbers]: readonly unknown[]): Remembered {
  if (typeof account !== 'string' || typeof sinceMs !== 'number' || typeof numbers !== 'string') {
    throw new Error('a line that is no account');
  }
  // Copied: a small buffer lies anywhere in a larger one.
  const bytes = Uint8Array.from(Buffer.from(numbers, 'base64'));
  return { account, sinceMs, recipients: new Uint32Array(bytes.buffer, 0, Math.floor(bytes.length / 4)) };
}
