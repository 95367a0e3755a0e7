import { factOf } from '../correlate/collect.ts';
import type { Fact } from '../correlate/facts.ts';
import { isEnd } from '../correlate/lives.ts';
import { parseLine } from '../parse/line.ts';
import type { Key } from './key.ts';
import * as kind from './kind.ts';
import type { Segment } from './segment.ts';

/** What is known of a life with an owner, as far as it bears on what is made from it. */
export interface CarriedLife {
  readonly key: Key;
  /** Number of its place. */
  readonly place: number;
  readonly queueId: string;
  /** The owner's. */
  readonly login: string;
  readonly startMicros: number;
  /** -1: unknown. */
  readonly queuedMicros: number;
  readonly messageId: string | undefined;
}

/** Some 10 MB. */
const maxLives = 30_000;
const slots = 1 << 17;

/**
 * Lives of accounts that are still in the queue when their lines leave the window: what a filter makes of them may come
 * an hour later, a requeue days later. Those beyond `maxLives` cost a second reading if that happens.
 */
export class Carried {
  readonly #lives = new Map<number, CarriedLife[]>();
  /** How many there are by the last bits of the key: most lines are about none of them, and quickly told apart. */
  readonly #slots = new Uint16Array(slots);
  readonly #logins = new Map<string, string>();
  #count = 0;
  #ended: { readonly one: number; readonly place: number }[] = [];

  of({ one, other }: Key): readonly CarriedLife[] {
    return this.#lives.get(one)?.filter(({ key }) => key.other === other) ?? [];
  }

  add(life: CarriedLife): void {
    if (this.#count >= maxLives) return;
    const known = this.#lives.get(life.key.one);
    if (known?.some(({ place, key }) => place === life.place && key.other === life.key.other)) return;
    const kept = { ...life, login: this.#shared(life.login) };
    if (known === undefined) this.#lives.set(life.key.one, [kept]);
    else known.push(kept);
    this.#countAt(life.key.one, 1);
  }

  /**
   * Drops the lives that end in a segment which leaves the window; not before the next one leaves too: what was made from
   * them may stand there.
   */
  endWith(segment: Segment, zone: string): void {
    for (const { one, place } of this.#ended) this.#drop(one, place);
    this.#ended = [];
    if (this.#count === 0) return;
    for (let entry = 0; entry < segment.count; entry++) {
      const what = segment.kind(entry);
      if (what !== kind.removed && what !== kind.other) continue;
      if (this.#slots[segment.one(entry) & (slots - 1)] === 0 || !this.#lives.has(segment.one(entry))) continue;
      if (what === kind.other && !endsIn(segment, entry, zone)) continue;
      this.#ended.push({ one: segment.one(entry), place: segment.place(entry) });
    }
  }

  /** One text for all lives of a login. */
  #shared(login: string): string {
    const known = this.#logins.get(login);
    if (known !== undefined) return known;
    if (this.#logins.size >= maxLives) this.#logins.clear();
    this.#logins.set(login, login);
    return login;
  }

  #countAt(one: number, change: number): void {
    this.#count += change;
    this.#slots[one & (slots - 1)] = (this.#slots[one & (slots - 1)] ?? 0) + change;
  }

  #drop(one: number, place: number): void {
    const lives = this.#lives.get(one) ?? [];
    const open = lives.filter((life) => life.place !== place);
    this.#countAt(one, open.length - lives.length);
    if (open.length === 0) this.#lives.delete(one);
    else this.#lives.set(one, open);
  }
}

function endsIn(segment: Segment, entry: number, zone: string): boolean {
  const parsed = parseLine(segment.textOf(entry), { zone, nearMicros: segment.atMicros(entry) });
  const stated = 'ok' in parsed ? factOf(parsed.ok, String) : undefined;
  return stated !== undefined && isEnd(stated.fact);
}

/** For the core, with the owner's login as the life's own. */
export function factsOf({ login, startMicros, queuedMicros, messageId }: CarriedLife): Fact[] {
  const facts: Fact[] = [{ kind: 'accepted', atMicros: startMicros, client: '', login }];
  if (messageId !== undefined) facts.push({ kind: 'messageId', atMicros: startMicros, hash: messageId });
  if (queuedMicros >= 0)
    facts.push({ kind: 'queued', atMicros: queuedMicros, sender: '', sizeBytes: 0, recipients: 0 });
  return facts;
}
