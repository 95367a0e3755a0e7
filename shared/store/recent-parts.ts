import type { Part } from '../correlate/facts.ts';
import { time } from './keys.ts';

/** Packed parts kept, in bytes with what an entry itself takes: some ten minutes of a thousand relays. */
const maxBytes = 100 * 1024 * 1024;
const entryBytes = 200;
/** Parts kept decoded: those of one relay's last minutes are asked for again and again in a burst. */
const maxDecoded = 500;

interface Known {
  readonly fromMs: number;
  readonly toMs: number;
  /** Sort key → packed part. */
  readonly parts: ReadonlyMap<string, Uint8Array>;
}

/**
 * What one process has read of the parts lately: per relay one span of time without a hole, and all parts sent within
 * it. Bounded; what was used longest ago goes first. A span that was given out never changes: who reads on from it may
 * rely on it whatever happens to it here meanwhile.
 */
export class RecentParts {
  readonly #relays = new Map<string, Known>();
  readonly #decoded = new Map<string, Part>();
  #bytes = 0;

  /** The span that `fromMs` lies in, so that everything since then up to its end is known; undefined where there is none. */
  covering(relay: string, fromMs: number): Known | undefined {
    const known = this.#relays.get(relay);
    return known !== undefined && known.fromMs <= fromMs && fromMs <= known.toMs ? known : undefined;
  }

  /** All parts sent within [fromMs, toMs] were read, and these are they. */
  learn(relay: string, fromMs: number, toMs: number, parts: ReadonlyMap<string, Uint8Array>): void {
    const known = this.#relays.get(relay);
    // One span without a hole: of two that do not meet, the later one is asked for again.
    if (known !== undefined && toMs < known.fromMs) return;
    const before = known !== undefined && fromMs <= known.toMs ? known : undefined;
    this.#keep(relay, {
      fromMs: Math.min(fromMs, before?.fromMs ?? fromMs),
      toMs: Math.max(toMs, before?.toMs ?? toMs),
      parts: before === undefined ? parts : new Map([...before.parts, ...parts]),
    });
    while (this.#bytes > maxBytes && this.#relays.size > 1) {
      const [oldest] = this.#relays.keys();
      if (oldest !== undefined) this.#drop(oldest);
    }
  }

  /** Lets go of what was sent before `beforeMs`. */
  forget(relay: string, beforeMs: number): void {
    const known = this.#relays.get(relay);
    if (known === undefined || known.fromMs >= beforeMs || known.toMs < beforeMs) return;
    const before = time(beforeMs);
    const parts = new Map([...known.parts].filter(([key]) => key >= before));
    this.#keep(relay, { fromMs: beforeMs, toMs: known.toMs, parts });
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

  #keep(relay: string, known: Known): void {
    this.#drop(relay);
    this.#relays.set(relay, known);
    this.#bytes += bytesOf(known);
  }

  #drop(relay: string): void {
    const known = this.#relays.get(relay);
    if (known === undefined) return;
    this.#bytes -= bytesOf(known);
    this.#relays.delete(relay);
  }
}

function bytesOf({ parts }: Known): number {
  let bytes = 0;
  for (const part of parts.values()) bytes += part.byteLength + entryBytes;
  return bytes;
}
