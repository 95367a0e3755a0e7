import { InvalidArgumentError } from 'commander';

/** What several commands read their options with. */

export function texts(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

export function count(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('want a number from 1 to 999.');
  return Number(text);
}

/** An IANA zone; the machine's own where absent. */
export function timezone(text?: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    throw new InvalidArgumentError('want an IANA zone like Europe/Berlin or UTC.');
  }
}
