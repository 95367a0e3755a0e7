import { factOf } from '../correlate/collect.ts';
import { type Fact, processName } from '../correlate/facts.ts';
import { type Attribution, attribute, type OwnHost } from '../correlate/links.ts';
import { livesOf, sameLifeMicros } from '../correlate/lives.ts';
import type { Message } from '../correlate/message.ts';
import { type Loss, lossesOf, withLosses } from '../correlate/processes.ts';
import { parseLine } from '../parse/line.ts';
import type { LogRecord } from '../parse/record.ts';
import { type Carried, type CarriedLife, factsOf } from './carried.ts';
import { parentsOf } from './claims.ts';
import { type Key, keyOf } from './key.ts';
import * as kind from './kind.ts';
import type { OwnAddresses } from './own-addresses.ts';
import type { Place, Places } from './place.ts';
import type { Segment } from './segment.ts';
import type { Window } from './window.ts';

/** Facts are compared, never printed: no need to hash what strangers wrote. */
const verbatim = (text: string): string => text;

/** Facts by queue ID, for the core. */
export class Chains {
  readonly #places: Places;
  readonly #traces = new Map<string, { place: Place; queueId: string; facts: Fact[] }>();

  constructor(places: Places) {
    this.#places = places;
  }

  /** Adds what a record states; its fact and the ID that it is about. */
  add(record: LogRecord, atMicros: number): { queueId: string; fact: Fact } | undefined {
    const stated = factOf(record, verbatim);
    if (stated === undefined) return undefined;
    const fact = { ...stated.fact, atMicros };
    this.addFact(this.#places.at(record.host, record.instance), stated.queueId, fact);
    return { queueId: stated.queueId, fact };
  }

  addFact(place: Place, queueId: string, fact: Fact): void {
    const name = `${place.number} ${queueId}`;
    const trace = this.#traces.get(name);
    if (trace === undefined) this.#traces.set(name, { place, queueId, facts: [fact] });
    else trace.facts.push(fact);
  }

  losses(): Loss[] {
    return [...this.#traces.values()].flatMap(({ place, queueId, facts }) =>
      lossesOf(place.relay.name, { instance: place.instance, queueId, facts }),
    );
  }

  /** All facts about an ID at a place. */
  factsOf(place: Place, queueId: string): readonly Fact[] {
    return this.#traces.get(`${place.number} ${queueId}`)?.facts ?? [];
  }

  messages(): Message[] {
    return [...this.#traces.values()].flatMap(({ place, queueId, facts }) =>
      livesOf(place.relay.name, { instance: place.instance, queueId, facts }),
    );
  }
}

export interface Judged {
  readonly chains: Chains;
  /** Of all IDs that were asked for on the way. */
  readonly attributions: readonly Attribution[];
  /** First halves of the keys of IDs whose beginning is not in the window. */
  readonly missing: readonly number[];
}

/** Has the core judge what the window says of an ID, and of all that it may have been made from. */
export class Closure {
  readonly #window: Window;
  readonly #places: Places;
  readonly #own: OwnAddresses;
  readonly #ownHost: OwnHost;
  readonly #carried: Carried;

  constructor(window: Window, places: Places, own: OwnAddresses, ownHost: OwnHost, carried: Carried) {
    this.#window = window;
    this.#places = places;
    this.#own = own;
    this.#ownHost = ownHost;
    this.#carried = carried;
  }

  judge(target: Key, zone: string): Judged {
    const chains = new Chains(this.#places);
    const asked = new Set<number>([target.one]);
    const waiting: Key[] = [target];
    const ask = (key: Key): void => {
      if (asked.has(key.one)) return;
      asked.add(key.one);
      waiting.push(key);
    };
    const missing: number[] = [];
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
      const { parents, starts, logins } = this.#gather(key, chains, zone);
      if (starts === 0) missing.push(key.one);
      // Whose every life names its account, needs no parent.
      if (starts === 0 || logins < starts) parents.forEach(ask);
    }
    return { chains, attributions: attribute(this.#withLosses(chains.messages(), zone), this.#ownHost), missing };
  }

  /** Adds what the window says of an ID to `chains`. */
  #gather(key: Key, chains: Chains, zone: string): { parents: Key[]; starts: number; logins: number } {
    const parents: Key[] = [];
    const starts: number[] = [];
    let logins = 0;
    for (const segment of this.#window.segments) {
      for (let entry = segment.last(key.one, key.other); entry >= 0; entry = segment.before(entry)) {
        if (segment.kind(entry) === kind.named) {
          parents.push({ one: segment.one(entry - 1), other: segment.other(entry - 1) });
          continue;
        }
        const fact = this.#add(chains, segment, entry, zone);
        if (fact === undefined) continue;
        parents.push(...parentsOf(fact, this.#places.of(segment.place(entry)), this.#own));
        if (!isStart(fact)) continue;
        starts.push(fact.atMicros);
        if (fact.kind !== 'picked' && fact.login !== undefined) logins += 1;
      }
    }
    for (const life of this.#carried.of(key)) {
      if (starts.some((micros) => isOf(life, micros))) continue;
      for (const fact of factsOf(life)) chains.addFact(this.#places.of(life.place), life.queueId, fact);
      starts.push(life.startMicros);
      logins += 1;
    }
    return { parents, starts: starts.length, logins };
  }

  /** Where a message was only promised: whether its process lost the client. */
  #withLosses(messages: Message[], zone: string): Message[] {
    const promised = messages.filter(isPromised);
    if (promised.length === 0) return messages;
    const chains = new Chains(this.#places);
    for (const { relay, instance, pid = 0 } of promised) {
      const place = this.#places.at(relay, instance);
      if (this.#addLosses(chains, keyOf(processName(pid), place.relay), place, zone))
        this.#addStarts(chains, place, zone);
    }
    const losses = chains.losses();
    if (losses.length === 0) return messages;
    return withLosses([...messages, ...chains.messages()], losses).slice(0, messages.length);
  }

  #addLosses(chains: Chains, { one, other }: Key, place: Place, zone: string): boolean {
    let any = false;
    for (const segment of this.#window.segments) {
      for (let entry = segment.last(one, other); entry >= 0; entry = segment.before(entry)) {
        if (segment.place(entry) !== place.number || segment.kind(entry) === kind.named) continue;
        const fact = this.#add(chains, segment, entry, zone);
        any ||= fact?.kind === 'lost';
      }
    }
    return any;
  }

  /** All acceptances at a place: which was the last one before the loss. */
  #addStarts(chains: Chains, place: Place, zone: string): void {
    for (const segment of this.#window.segments) {
      for (let entry = 0; entry < segment.count; entry++) {
        const what = segment.kind(entry);
        const mayStart =
          what === kind.accepted || what === kind.login || what === kind.forwarded || what === kind.other;
        if (mayStart && segment.place(entry) === place.number) this.#add(chains, segment, entry, zone);
      }
    }
  }

  #add(chains: Chains, segment: Segment, entry: number, zone: string): Fact | undefined {
    const nearMicros = segment.atMicros(entry);
    const parsed = parseLine(segment.textOf(entry), { zone, nearMicros });
    return 'ok' in parsed ? chains.add(parsed.ok, nearMicros)?.fact : undefined;
  }
}

function isStart(fact: Fact): fact is Extract<Fact, { kind: 'accepted' | 'picked' | 'proxied' }> {
  return fact.kind === 'accepted' || fact.kind === 'picked' || fact.kind === 'proxied';
}

function isPromised({ heldAtMicros, discarded, queuedAtMicros, outcomes, pid }: Message): boolean {
  const isPromise = heldAtMicros !== undefined || discarded;
  return isPromise && queuedAtMicros === undefined && outcomes.length === 0 && pid !== undefined;
}

/** Whether a beginning at that time is the life's own: of a long ID there is one life only. */
function isOf({ queueId, startMicros }: CarriedLife, micros: number): boolean {
  return queueId.includes('z') || Math.abs(micros - startMicros) <= sameLifeMicros;
}
