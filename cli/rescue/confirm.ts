import { createInterface } from 'node:readline/promises';
import { type AccountRule, canonicalAccount } from '../../shared/account/account.ts';
import { usage } from '../failure.ts';
import { printable } from '../table.ts';

/**
 * Goes on only where somebody typed the account's name: at the terminal, or in a script as `--confirm`.
 * @throws usage Failure otherwise
 */
export async function confirm(account: string, rule: AccountRule, typed: string | undefined): Promise<void> {
  const answer = typed ?? (await ask(account));
  if (canonicalAccount(answer, rule) === account) return;
  throw usage(`not confirmed: nothing was purged. Type the account's name, or give it as --confirm`);
}

async function ask(account: string): Promise<string> {
  if (!process.stdin.isTTY) return '';
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(`This cannot be undone. To purge, type ${printable(account)}: `);
  } finally {
    terminal.close();
  }
}
