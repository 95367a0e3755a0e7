import { type AccountRule, canonicalAccount } from '../account/account.ts';
import type { Message } from '../correlate/lives.ts';

/** One life of one queue ID that belongs to an account. */
export interface IdRow {
  readonly relay: string;
  readonly instance: string;
  readonly queueId: string;
  /** As logged; `accountOf` makes the account of it. */
  readonly login: string;
  readonly acceptedAtMicros: number;
  readonly attribution: 'direct' | 'derived';
  readonly sender: string;
  readonly client: string;
  /** Outcomes by status, where they are counted. */
  readonly outcomes?: Readonly<Record<string, number>>;
}

/** The row of a life; `outcomes`: count them. */
export function rowOf(life: Message, login: string, outcomes: boolean): IdRow {
  return {
    relay: life.relay,
    instance: life.instance,
    queueId: life.queueId,
    login,
    acceptedAtMicros: life.acceptedAtMicros,
    attribution: life.login === undefined ? 'derived' : 'direct',
    sender: life.sender ?? '',
    client: life.client ?? '',
    ...(outcomes && { outcomes: outcomesOf(life) }),
  };
}

/** How many deliveries had which status; lines that came twice count once. */
function outcomesOf({ outcomes }: Message): Record<string, number> {
  const seen = new Set<string>();
  const counts: Record<string, number> = {};
  for (const { atMicros, recipient, status, reply, remote, child } of outcomes) {
    const key = `${atMicros} ${recipient} ${status} ${reply} ${remote} ${child?.address} ${child?.queueId}`;
    if (outcomes.length > 1 && seen.has(key)) continue;
    seen.add(key);
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

export const tsvHeader = 'relay\tinstance\tqueueId\taccount\tacceptedAt\tattribution\tsender\tclient';

export function tsvLine(row: IdRow, account: string): string {
  const { relay, instance, queueId, acceptedAtMicros, attribution, sender, client } = row;
  return `${cell(relay)}\t${cell(instance)}\t${queueId}\t${cell(account)}\t${rfc3339(acceptedAtMicros)}\t${attribution}\t${cell(sender)}\t${cell(client)}`;
}

export function jsonLine(row: IdRow, account: string): string {
  const { relay, instance, queueId, acceptedAtMicros, attribution, sender, client, outcomes = {} } = row;
  const acceptedAt = rfc3339(acceptedAtMicros);
  return JSON.stringify({ relay, instance, queueId, account, acceptedAt, attribution, sender, client, outcomes });
}

/** Accounts of logins, each worked out once; one rule for all. Bounded. */
export class Accounts {
  readonly #rule: AccountRule;
  readonly #known = new Map<string, string>();

  constructor(rule: AccountRule) {
    this.#rule = rule;
  }

  of(login: string): string {
    let account = this.#known.get(login);
    if (account === undefined) {
      account = canonicalAccount(login, this.#rule) ?? login;
      if (this.#known.size >= 50_000) this.#known.clear();
      this.#known.set(login, account);
    }
    return account;
  }
}

/** A field of a row: a tab or line end, which Postfix does not log, becomes `?`. */
export function cell(text: string): string {
  return /[\t\n\r]/.test(text) ? text.replace(/[\t\n\r]/g, '?') : text;
}

/** The seconds written last, by their low bits: rows come nearly in the order of time. */
const seconds: { at: number; text: string }[] = Array.from({ length: 64 }, () => ({ at: -1, text: '' }));

/** RFC 3339 in UTC with six fraction digits. */
export function rfc3339(micros: number): string {
  const at = Math.floor(micros / 1_000_000);
  const slot = seconds[at & 63];
  let text = slot?.at === at ? slot.text : undefined;
  if (text === undefined) {
    text = new Date(at * 1000).toISOString().slice(0, -5);
    if (slot !== undefined) {
      slot.at = at;
      slot.text = text;
    }
  }
  const fraction = micros - at * 1_000_000;
  return fraction === 0 ? `${text}.000000Z` : `${text}.${String(fraction).padStart(6, '0')}Z`;
}
