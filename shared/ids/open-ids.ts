import { factOf } from '../correlate/collect.ts';
import type { Fact } from '../correlate/facts.ts';
import { isEnd, isStart, livesOf, sameLifeMicros } from '../correlate/lives.ts';
import type { Message } from '../correlate/message.ts';
import { parseLine } from '../parse/line.ts';
import type { Key } from './key.ts';
import type { Place, Places } from './place.ts';
import { type IdRow, rowOf } from './row.ts';
import type { Segment } from './segment.ts';

const verbatim = (text: string): string => text;

/** A queue ID with lives that have an owner, and no end yet. */
interface OpenId {
  readonly place: Place;
  readonly queueId: string;
  readonly facts: Fact[];
  /** Lives whose row is due, with the owner's login. */
  readonly due: { readonly startMicros: number; readonly login: string; readonly row: IdRow }[];
}

/**
 * Rows that wait for the end of their lives: each comes out with it, its outcomes counted (`ended`), or is dropped
 * (`open`). What has no end by the end of input comes then.
 */
export class OpenIds {
  readonly #when: 'ended' | 'open';
  readonly #places: Places;
  readonly #print: (one: number, row: IdRow) => void;
  /** By key and place. */
  readonly #ids = new Map<string, OpenId>();
  /** By the first half of the key: most lines are about none of them. */
  readonly #keys = new Map<number, number>();

  constructor(when: 'ended' | 'open', places: Places, print: (one: number, row: IdRow) => void) {
    this.#when = when;
    this.#places = places;
    this.#print = print;
  }

  /** Whether all that was logged of a life is wanted. */
  get countsOutcomes(): boolean {
    return this.#when === 'ended';
  }

  /** A life that has an owner; whether it is over, and what is known of its ID so far. */
  add({ one }: Key, row: IdRow, isOver: boolean, facts: readonly Fact[]): void {
    const { relay, instance, queueId, acceptedAtMicros } = row;
    if (isOver) {
      if (this.#when === 'ended') this.#print(one, row);
      return;
    }
    const place = this.#places.at(relay, instance);
    const name = `${one} ${place.number}`;
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = { place, queueId, facts: [], due: [] };
      this.#ids.set(name, id);
      this.#keys.set(one, (this.#keys.get(one) ?? 0) + 1);
    }
    id.facts.push(...facts.filter((fact) => this.#isNeeded(fact)));
    id.due.push({ startMicros: acceptedAtMicros, login: row.login, row });
  }

  /** Where outcomes do not count, beginnings and ends do. */
  #isNeeded(fact: Fact): boolean {
    return this.#when === 'ended' || isStart(fact) || isEnd(fact);
  }

  /** A line that may be about one of them: lines come in the order of their time, or nearly so. */
  follow(segment: Segment, entry: number, zone: string): void {
    const one = segment.one(entry);
    if (!this.#keys.has(one)) return;
    const id = this.#ids.get(`${one} ${segment.place(entry)}`);
    if (id === undefined) return;
    const parsed = parseLine(segment.textOf(entry), { zone, nearMicros: segment.atMicros(entry) });
    const stated = 'ok' in parsed ? factOf(parsed.ok, verbatim) : undefined;
    if (stated === undefined || stated.queueId !== id.queueId) return;
    if (this.#isNeeded(stated.fact)) id.facts.push(stated.fact);
    // The next start shows an end, too.
    if (isEnd(stated.fact) || isStart(stated.fact)) this.#settle(one, id);
  }

  end(): void {
    for (const [name, id] of this.#ids) this.#printAll(Number(name.split(' ')[0]), id);
    this.#ids.clear();
  }

  /** Takes out the lives that are over. */
  #settle(one: number, id: OpenId): void {
    const lives = livesIn(id);
    for (const due of [...id.due]) {
      const life = lives.find(({ acceptedAtMicros }) => Math.abs(acceptedAtMicros - due.startMicros) <= sameLifeMicros);
      if (life?.removedAtMicros === undefined) continue;
      id.due.splice(id.due.indexOf(due), 1);
      if (this.#when === 'ended') this.#print(one, { ...due.row, ...outcomesOf(life, due.login) });
    }
    if (id.due.length > 0) return;
    this.#ids.delete(`${one} ${id.place.number}`);
    const count = this.#keys.get(one) ?? 1;
    if (count === 1) this.#keys.delete(one);
    else this.#keys.set(one, count - 1);
  }

  #printAll(one: number, id: OpenId): void {
    const lives = livesIn(id);
    for (const { row, login, startMicros } of id.due) {
      const life = lives.find(({ acceptedAtMicros }) => Math.abs(acceptedAtMicros - startMicros) <= sameLifeMicros);
      this.#print(one, life === undefined ? row : { ...row, ...outcomesOf(life, login) });
    }
  }
}

function livesIn({ place, queueId, facts }: OpenId): Message[] {
  return livesOf(place.relay.name, { instance: place.instance, queueId, facts });
}

function outcomesOf(life: Message, login: string): Pick<IdRow, 'outcomes'> {
  const { outcomes } = rowOf(life, login, true);
  return outcomes === undefined ? {} : { outcomes };
}
