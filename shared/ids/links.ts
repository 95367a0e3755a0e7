import { linksOf, type OwnHost, rootOf } from '../correlate/links.ts';
import type { Message } from '../correlate/lives.ts';
import { at, flag, type Outcome, text } from './columns.ts';
import { Fifo, type Places, type Relay } from './place.ts';
import { ownedOf } from './same-life.ts';
import type { Traces } from './traces.ts';

/** A claim about a link: a reply's `queued as` (the child is named), or a child's word about the ID it was before. */
interface Claim {
  /** Slot of the trace that makes it, and that slot's generation. */
  readonly by: number;
  readonly generation: number;
  readonly dueAtMicros: number;
  /** Where the other end lives: relay and queue ID. */
  readonly otherRelay: string;
  readonly otherId: string;
  readonly role: 'parent' | 'child';
}

/** Lives by trace, and what is known of whose they are. */
interface Gathered {
  readonly messages: Map<number, readonly Message[]>;
  readonly known: Map<Message, string | undefined>;
}

/** More traces than a chain can sensibly have: a tangle, which is left to the end. */
const maxChain = 200;

/**
 * Follows links while lines come in. A claim waits until log time has passed it by the settling time, so that both ends
 * and whatever contradicts are there; then the core decides over all that could bear on it. What cannot be decided (the
 * other end was never seen, or left memory) is decided at the end.
 */
export class Links {
  readonly #traces: Traces;
  readonly #places: Places;
  readonly #ownHost: OwnHost;
  readonly #isForgotten: (relayName: string, queueId: string) => boolean;
  readonly #waiting = new Map<Relay, Fifo<Claim>>();
  /** Slots of parents by the child that they name. */
  readonly #parents = new Map<string, number[]>();

  /** `isForgotten`: whether traces of an ID may have left memory. They would have a say. */
  constructor(
    traces: Traces,
    places: Places,
    ownHost: OwnHost,
    isForgotten: (relayName: string, queueId: string) => boolean,
  ) {
    this.#isForgotten = isForgotten;
    this.#traces = traces;
    this.#places = places;
    this.#ownHost = ownHost;
  }

  /** A delivery of `parent` says that one of our own hosts queued it as `child`. */
  claimedChild(parent: number, child: NonNullable<Outcome['child']>, dueAtMicros: number): void {
    const otherRelay = this.#ownHost(child.address, this.#relayOf(parent).name);
    if (otherRelay === undefined) return;
    const key = keyOf(otherRelay, child.queueId);
    const parents = this.#parents.get(key);
    if (parents === undefined) this.#parents.set(key, [parent]);
    else if (!parents.includes(parent)) parents.push(parent);
    this.#wait({ ...this.#claim(parent), dueAtMicros, otherRelay, otherId: child.queueId, role: 'parent' });
  }

  /** `child` says which ID it was before. `client` is who said so by XFORWARD; absent for pickup's own word. */
  claimedParent(child: number, otherId: string, client: string | undefined, dueAtMicros: number): void {
    const here = this.#relayOf(child).name;
    const otherRelay = client === undefined ? here : this.#ownHost(client, here);
    if (otherRelay === undefined) return;
    this.#wait({ ...this.#claim(child), dueAtMicros, otherRelay, otherId, role: 'child' });
  }

  /** Decides what is due at `nowMicros` on a relay; `owned` is told whom a life was found to belong to. */
  decide(relay: Relay, nowMicros: number, owned: (child: number) => void): void {
    const waiting = this.#waiting.get(relay);
    if (waiting === undefined) return;
    for (let claim = waiting.first(); claim !== undefined && claim.dueAtMicros <= nowMicros; claim = waiting.first()) {
      waiting.shift();
      if (this.#traces.columns.generation(claim.by) !== claim.generation) continue;
      const found = claim.role === 'child' ? [claim.by] : this.#slots(claim.otherRelay, claim.otherId);
      let decided = false;
      for (const child of found) if (this.#follow(child, claim, owned)) decided = true;
      if (decided) this.#traces.columns.makeSide(claim.by).openClaims -= 1;
    }
  }

  /** A trace leaves memory. */
  forget(slot: number): void {
    const outcomes = this.#traces.columns.side(slot)?.outcomes;
    if (outcomes === undefined) return;
    const here = this.#relayOf(slot).name;
    for (const { child } of outcomes) {
      const relay = child === undefined ? undefined : this.#ownHost(child.address, here);
      if (child === undefined || relay === undefined) continue;
      const key = keyOf(relay, child.queueId);
      const left = this.#parents.get(key)?.filter((parent) => parent !== slot) ?? [];
      if (left.length === 0) this.#parents.delete(key);
      else this.#parents.set(key, left);
    }
  }

  #claim(by: number): { readonly by: number; readonly generation: number } {
    return { by, generation: this.#traces.columns.generation(by) };
  }

  #wait(claim: Claim): void {
    const relay = this.#relayOf(claim.by);
    let waiting = this.#waiting.get(relay);
    if (waiting === undefined) {
      waiting = new Fifo();
      this.#waiting.set(relay, waiting);
    }
    this.#traces.columns.makeSide(claim.by).openClaims += 1;
    waiting.push(claim);
  }

  /**
   * Attributes the lives of `child` as the core does, over everything that has a say. True if that decides the claim:
   * it holds, and the chain's beginning is known, be it somebody's or nobody's.
   */
  #follow(child: number, claim: Claim, owned: (child: number) => void): boolean {
    const gathered = this.#gather(child);
    if (gathered === undefined) return false;
    const { messages, known } = gathered;
    const links = linksOf([...messages.values()].flat(), this.#ownHost);
    const parents = claim.role === 'parent' ? messages.get(claim.by) : undefined;
    let decided = false;
    for (const life of messages.get(child) ?? []) {
      // Decided before, by what the other end said.
      if (known.has(life)) decided = true;
      const parent = links.parentOf.get(life);
      if (parent === undefined || life.login !== undefined || known.has(life)) continue;
      const root = rootOf(life, links, known);
      const login = root === undefined ? undefined : (root.login ?? known.get(root));
      // Contested, or from outside: nobody's. Else the chain may go on where we have not looked yet.
      if (login === undefined && root !== undefined && !known.has(root) && !this.#isBeginning(root)) continue;
      if (links.contested.has(life) || parents === undefined || parents.includes(parent)) decided = true;
      const side = this.#traces.columns.makeSide(child);
      side.owned ??= [];
      side.owned.push({ startMicros: life.acceptedAtMicros, ...(login !== undefined && { login }) });
      if (login !== undefined && !life.notice) owned(child);
    }
    return decided;
  }

  /** Whether a message came from outside: its acceptance was seen, and nobody claims to be its parent. */
  #isBeginning({ relay, queueId, client, origQueueId, origId }: Message): boolean {
    if (client === undefined || origId !== undefined) return false;
    if (origQueueId !== undefined && this.#ownHost(client, relay) !== undefined) return false;
    return !this.#parents.has(keyOf(relay, queueId));
  }

  /** The lives of `child` and of all traces that could bear on whose it is. Undefined if not all are in memory. */
  #gather(child: number): Gathered | undefined {
    const gathered: Gathered = { messages: new Map(), known: new Map() };
    const queue = [child];
    for (let index = 0; index < queue.length; index++) {
      const slot = queue[index];
      if (slot === undefined || gathered.messages.has(slot)) continue;
      if (gathered.messages.size >= maxChain || this.#wasForgotten(slot)) return undefined;
      const lives = this.#traces.lives(slot);
      gathered.messages.set(slot, lives);
      const owned = this.#traces.columns.side(slot)?.owned;
      for (const life of lives) {
        const found = ownedOf(owned, life);
        if (found !== undefined) gathered.known.set(life, found.login);
      }
      if (!this.#enqueueUpward(slot, lives, queue)) return undefined;
    }
    return gathered;
  }

  /** Whether there were other lines about an ID before these. A long ID whose acceptance is here has no others. */
  #wasForgotten(slot: number): boolean {
    const { columns } = this.#traces;
    if (columns.is(slot, flag.long) && columns.time(slot, at.start) >= 0) return false;
    return this.#isForgotten(this.#relayOf(slot).name, columns.textOf(slot, text.id));
  }

  /** Whatever could be the parent of one of these lives, or be meant instead of one. False if it is not all in memory. */
  #enqueueUpward(slot: number, lives: readonly Message[], queue: number[]): boolean {
    const { columns } = this.#traces;
    const relay = this.#relayOf(slot).name;
    const queueId = columns.textOf(slot, text.id);
    queue.push(...this.#slots(relay, queueId));
    // A life that names its account, or whose owner is known, needs no parent.
    const owned = columns.side(slot)?.owned;
    const rootless = lives.some((life) => life.login === undefined && ownedOf(owned, life) === undefined);
    if (!rootless) return true;
    queue.push(...(this.#parents.get(keyOf(relay, queueId)) ?? []));
    for (const { origId, origQueueId, client } of lives) {
      const from = origId !== undefined ? relay : client === undefined ? undefined : this.#ownHost(client, relay);
      const other = origId ?? origQueueId;
      if (from === undefined || other === undefined) continue;
      if (this.#isForgotten(from, other)) return false;
      queue.push(...this.#slots(from, other));
    }
    return true;
  }

  /** Slots of an ID on a relay, whichever instance. */
  #slots(relayName: string, queueId: string): number[] {
    const places = this.#places.relays.get(relayName)?.places ?? [];
    return places.map((place) => this.#traces.columns.findText(queueId, place)).filter((slot) => slot >= 0);
  }

  #relayOf(slot: number): Relay {
    return this.#traces.columns.placeOf(slot).relay;
  }
}

function keyOf(relay: string, queueId: string): string {
  return `${relay}\0${queueId}`;
}
