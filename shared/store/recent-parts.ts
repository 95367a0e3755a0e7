import type { Part } from '../correlate/facts.ts';

/** Packed parts kept, in bytes with what an entry itself takes: some ten minutes of a thousand relays. */
const maxBytes = 100 * 1024 * 1024;
const entryBytes = 200;
/** Parts kept decoded: those of one relay's last minutes are asked for again and again in a burst. */
const maxDecoded = 500;

interface Known {
  fromMs: number;
  toMs: number;
  /** Sort key → packed part. Text order is time order. */
  readonly parts: Map<string, Uint8Array>;
  bytes: number;
}

/** What one process has read of the parts lately, per relay: everything within [fromMs, toMs]. Bounded; oldest out. */
export class RecentParts {
  readonly #relays = new Map<string, Known>();
  readonly #decoded = new Map<string, Part>();
  #bytes = 0;

  /** Until when everything since `fromMs` is known; undefined where it is not. */
  knownTo(relay: string, fromMs: number): number | undefined {
    const known = this.#relays.get(relay);
    return known !== undefined && known.fromMs <= fromMs ? known.toMs : undefined;
  }

  /** @param span `fromMs` where all since then was read; absent where what was known is continued */
  learn(
    relay: string,
    { fromMs, toMs }: { readonly fromMs: number | undefined; readonly toMs: number },
    found: readonly (readonly [string, Uint8Array])[],
  ): void {
    const known = this.#relays.get(relay) ?? { fromMs: fromMs ?? toMs, toMs, parts: new Map(), bytes: 0 };
    if (fromMs !== undefined) known.fromMs = Math.min(known.fromMs, fromMs);
    known.toMs = Math.max(known.toMs, toMs);
    for (const [key, bytes] of found) {
      if (known.parts.has(key)) continue;
      known.parts.set(key, bytes);
      this.#count(known, bytes.byteLength + entryBytes);
    }
    // Last used, last out.
    this.#relays.delete(relay);
    this.#relays.set(relay, known);
    while (this.#bytes > maxBytes && this.#relays.size > 1) this.#forgetOldest();
  }

  /** Those with sort keys within [from, to], in order. */
  between(relay: string, from: string, to: string): [string, Uint8Array][] {
    const known = this.#relays.get(relay);
    if (known === undefined) return [];
    const found: [string, Uint8Array][] = [];
    for (const [key, bytes] of known.parts) {
      if (key < from) continue;
      if (key <= to) found.push([key, bytes]);
    }
    return found.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Lets go of what was sent before `beforeMs`. */
  forget(relay: string, beforeMs: number, before: string): void {
    const known = this.#relays.get(relay);
    if (known === undefined || known.fromMs >= beforeMs) return;
    known.fromMs = beforeMs;
    for (const [key, bytes] of known.parts) {
      if (key >= before) continue;
      known.parts.delete(key);
      this.#count(known, -(bytes.byteLength + entryBytes));
    }
  }

  decoded(relay: string, key: string, decode: () => Part): Part {
    const name = `${relay}\0${key}`;
    const part = this.#decoded.get(name) ?? decode();
    this.#decoded.delete(name);
    this.#decoded.set(name, part);
    const oldest = this.#decoded.keys().next().value;
    if (this.#decoded.size > maxDecoded && oldest !== undefined) this.#decoded.delete(oldest);
    return part;
  }

  #count(known: Known, bytes: number): void {
    known.bytes += bytes;
    this.#bytes += bytes;
  }

  #forgetOldest(): void {
    const [oldest] = this.#relays;
    if (oldest === undefined) return;
    this.#bytes -= oldest[1].bytes;
    this.#relays.delete(oldest[0]);
  }
}
