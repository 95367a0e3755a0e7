import ipaddr from 'ipaddr.js';

/** Counts of names that strangers choose, bounded: beyond so many different ones new names only count as more. */
export class Names {
  readonly #counts = new Map<string, number>();
  readonly #max: number;
  #isFull = false;

  constructor(max = 10_000) {
    this.#max = max;
  }

  add(name: string, count = 1): void {
    const before = this.#counts.get(name);
    if (before === undefined && this.#counts.size >= this.#max) this.#isFull = true;
    else this.#counts.set(name, (before ?? 0) + count);
  }

  /** Different ones; at least so many if {@link isFull}. */
  get size(): number {
    return this.#counts.size;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  all(): string[] {
    return [...this.#counts.keys()];
  }

  /** The most frequent, with their counts. */
  top(count: number): (readonly [string, number])[] {
    return [...this.#counts].sort((a, b) => b[1] - a[1]).slice(0, count);
  }
}

/** The network that an address is shown under: /24, or /64 for IPv6; what is no address stays as it is. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  const bits = parsed.kind() === 'ipv4' ? 24 : 64;
  const text = `${parsed.toString()}/${bits}`;
  const network =
    parsed.kind() === 'ipv4' ? ipaddr.IPv4.networkAddressFromCIDR(text) : ipaddr.IPv6.networkAddressFromCIDR(text);
  return `${network.toString()}/${bits}`;
}
