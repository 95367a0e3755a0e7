/** A relay as a log names it (the line's host field). */
export interface Relay {
  readonly name: string;
  /** Mixed into the keys of its queue IDs. */
  readonly salt: number;
}

/** One Postfix instance of a relay: queue IDs are its own. */
export interface Place {
  readonly relay: Relay;
  readonly instance: string;
  /** Counts from 0. */
  readonly number: number;
  /** Some line spoke of a queue ID here. */
  used: boolean;
}

/** All relays and instances met so far. */
export class Places {
  readonly all: Place[] = [];
  readonly #relays = new Map<string, Relay>();
  readonly #byName = new Map<string, Place>();

  at(relayName: string, instance: string): Place {
    const name = `${relayName}\0${instance}`;
    let place = this.#byName.get(name);
    if (place === undefined) {
      place = { relay: this.relay(relayName), instance, number: this.all.length, used: false };
      this.all.push(place);
      this.#byName.set(name, place);
    }
    return place;
  }

  relay(name: string): Relay {
    let relay = this.#relays.get(name);
    if (relay === undefined) {
      relay = { name, salt: Math.imul(this.#relays.size + 1, 0x165667b1) };
      this.#relays.set(name, relay);
    }
    return relay;
  }

  of(number: number): Place {
    const place = this.all[number];
    if (place === undefined) throw new Error('no such place');
    return place;
  }
}
