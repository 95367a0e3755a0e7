import type { OwnHost } from '../correlate/links.ts';
import type { Relay } from './place.ts';
import { type Chunk, chunkOf, hashOf, isSame } from './words.ts';

interface Known {
  readonly relay: Relay | undefined;
  readonly address: Chunk;
  readonly isOwn: boolean;
}

const slots = 4096;

/** Whether addresses are our own hosts', from bytes: each delivery asks, and most answers were given before. */
export class OwnAddresses {
  readonly #ownHost: OwnHost;
  readonly #known: Known[] = new Array(slots).fill({
    relay: undefined,
    address: chunkOf(Buffer.alloc(0)),
    isOwn: false,
  });

  constructor(ownHost: OwnHost) {
    this.#ownHost = ownHost;
  }

  /** Of the address in `[from, end)` as `relay` sees it. */
  isOwn({ bytes, view }: Chunk, from: number, end: number, relay: Relay): boolean {
    const slot = hashOf(view, from, end) & (slots - 1);
    const known = this.#known[slot];
    if (known?.relay === relay && known.address.bytes.length === end - from) {
      if (isSame(view, from, end, known.address.view, 0)) return known.isOwn;
    }
    const isOwn = this.#ownHost(bytes.toString('latin1', from, end), relay.name) !== undefined;
    this.#known[slot] = { relay, address: chunkOf(Buffer.from(bytes.subarray(from, end))), isOwn };
    return isOwn;
  }
}
