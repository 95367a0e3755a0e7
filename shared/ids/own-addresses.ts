import type { OwnHost } from '../correlate/links.ts';
import type { Places, Relay } from './place.ts';
import { type Chunk, chunkOf, hashOf, isSame } from './words.ts';

interface Known {
  readonly seenFrom: Relay;
  readonly address: Chunk;
  readonly relay: Relay | undefined;
}

const slots = 4096;

/** Which of our relays answers at an address, from bytes: each delivery asks, and most answers were given before. */
export class OwnAddresses {
  readonly #ownHost: OwnHost;
  readonly #places: Places;
  readonly #known: (Known | undefined)[] = new Array(slots).fill(undefined);

  constructor(ownHost: OwnHost, places: Places) {
    this.#ownHost = ownHost;
    this.#places = places;
  }

  /** The relay at the address in `[from, end)`, as `seenFrom` sees it; undefined where that is none of ours. */
  relayAt({ bytes, view }: Chunk, from: number, end: number, seenFrom: Relay): Relay | undefined {
    const slot = hashOf(view, from, end) & (slots - 1);
    const known = this.#known[slot];
    if (known?.seenFrom === seenFrom && known.address.bytes.length === end - from) {
      if (isSame(view, from, end, known.address.view, 0)) return known.relay;
    }
    const relay = this.relayOf(bytes.toString('latin1', from, end), seenFrom);
    this.#known[slot] = { seenFrom, address: chunkOf(Buffer.from(bytes.subarray(from, end))), relay };
    return relay;
  }

  relayOf(address: string, seenFrom: Relay): Relay | undefined {
    const name = this.#ownHost(address, seenFrom.name);
    return name === undefined ? undefined : this.#places.relay(name);
  }
}
