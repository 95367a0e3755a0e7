import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalAccount } from '../../shared/account/account.ts';
import { parseLine } from '../../shared/parse/line.ts';
import type { TimeContext } from '../../shared/parse/record.ts';
import { buildLog } from './log.ts';

const samples = join(import.meta.dirname, '../../test/samples');
export const context: TimeContext = { zone: 'UTC', nearMicros: Date.UTC(2026, 10, 24, 12) * 1000 };

/** What a line attributes: a queue ID and the login that it names, as written. */
export interface Attributed {
  readonly queueId: string;
  readonly login: string;
}

/** A line as Postfix wrote it; `bytes` has a character for each byte. */
export interface CleanLine {
  readonly bytes: string;
  readonly attributed: Attributed | undefined;
}

/** How the command names a login's account where no realm is configured; empty: nobody. */
export function accountOf(login: string): string {
  return canonicalAccount(login, { realmAliases: {} }) ?? '';
}

/** What one line, a character for each byte, attributes. */
export function attributedBy(bytes: string): Attributed | undefined {
  const parsed = parseLine(Buffer.from(bytes, 'latin1').toString(), context);
  if (!('ok' in parsed) || parsed.ok.kind !== 'acceptance' || parsed.ok.login === undefined) return undefined;
  return { queueId: parsed.ok.queueId, login: parsed.ok.login };
}

/** Real logs, and made-up ones with either stamp. */
export function readCorpus(): CleanLine[] {
  const texts = readdirSync(samples)
    .filter((name) => name.endsWith('.log'))
    .map((name) => readFileSync(join(samples, name), 'latin1'));
  for (const [seed, stamp] of (['rfc3164', 'rfc3339'] as const).entries()) {
    buildLog({ lines: 10_000, seed, stamp, write: (text) => texts.push(Buffer.from(text).toString('latin1')) });
  }
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => line !== '')
    .map((bytes) => ({ bytes, attributed: attributedBy(bytes) }));
}
