/** A relay as a log names it (the line's host field), with how far its log time has come. */
export class Relay {
  /** Counts from 0. */
  readonly number: number;
  readonly name: string;
  readonly places: Place[] = [];
  /** Latest line time of the present run of lines, µs; see `Engine`'s clockwork. */
  watermark = Number.NEGATIVE_INFINITY;
  /** Latest line time of all runs. */
  newest = Number.NEGATIVE_INFINITY;
  /** Slots of traces in the order in which they were first seen; each waits until log time has passed it by the settling time. */
  readonly fresh = new Fifo<number>();
  /** Settled, and kept for lines that come late. */
  readonly settled = new Fifo<number>();
  /** Of messages that are still queued, as far as memory allows. */
  readonly open = new Fifo<number>();
  /** Successive lines far away from the watermark: one is a stray, many are another run. */
  strays = 0;

  constructor(name: string, number: number) {
    this.number = number;
    this.name = name;
  }
}

/** One Postfix instance of a relay. Queue IDs are looked up within a place. */
export interface Place {
  readonly relay: Relay;
  readonly instance: string;
  /** Counts from 0. */
  readonly number: number;
  /** It has traces. */
  used: boolean;
}

/** All relays and instances met so far. */
export class Places {
  readonly relays = new Map<string, Relay>();
  readonly all: Place[] = [];
  readonly #byName = new Map<string, Place>();

  at(relayName: string, instance: string): Place {
    const name = `${relayName}\0${instance}`;
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const relay = this.relay(relayName);
    const place = { relay, instance, number: this.all.length, used: false };
    this.all.push(place);
    relay.places.push(place);
    this.#byName.set(name, place);
    return place;
  }

  relay(name: string): Relay {
    let relay = this.relays.get(name);
    if (relay === undefined) {
      relay = new Relay(name, this.relays.size);
      this.relays.set(name, relay);
    }
    return relay;
  }
}

/** First in, first out, in constant time. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  first(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head += 1;
    // What was taken out would stay reachable: give the front back from time to time.
    if (this.#head > 4096 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
