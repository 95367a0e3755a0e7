import { type AccountRule, canonicalAccount } from '../account/account.ts';
import type { Message } from '../correlate/message.ts';
import type { Place } from './place.ts';
import type { Range } from './plain.ts';
import { type Chunk, chunkOf } from './words.ts';

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
  readonly recipients?: number;
  /** Outcomes by status, where they are counted. */
  readonly outcomes?: Readonly<Record<string, number>>;
}

/** A piece of a line in the window. */
export interface Piece extends Range {
  chunk: Chunk;
}

const nothing = chunkOf(Buffer.alloc(0));
const piece = (): Piece => ({ chunk: nothing, from: 0, end: 0 });

/** A row as it stands in the window. One object is used for all of them: what is kept has to be copied. */
export class PlainRow {
  place: Place | undefined;
  readonly queueId = piece();
  readonly login = piece();
  acceptedAtMicros = 0;
  attribution: IdRow['attribution'] = 'direct';
  readonly sender = piece();
  readonly recipients = piece();
  readonly client = piece();

  loginText(): string {
    return textOf(this.login);
  }

  toIdRow(): IdRow {
    const { relay, instance } = this.place ?? { relay: { name: '' }, instance: '' };
    return {
      relay: relay.name,
      instance,
      queueId: textOf(this.queueId),
      login: textOf(this.login),
      acceptedAtMicros: this.acceptedAtMicros,
      attribution: this.attribution,
      sender: textOf(this.sender),
      client: textOf(this.client),
      recipients: Number(textOf(this.recipients)),
    };
  }
}

function textOf({ chunk, from, end }: Piece): string {
  return chunk.bytes.toString('utf8', from, end);
}

/** Takes rows. */
export interface RowSink {
  row(row: IdRow): void;
  /** The same, without decoding what is only copied out again: that costs as much as all else about a row. */
  plain(row: PlainRow): void;
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
    ...(life.recipients !== undefined && { recipients: life.recipients }),
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

/** A field of a row: a control character, which Postfix does not log, becomes `?`. */
export function cell(text: string): string {
  return controls.test(text) ? text.replace(controlsEach, '?') : text;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\x00-\x1f\x7f]/;
const controlsEach = new RegExp(controls, 'g');

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
