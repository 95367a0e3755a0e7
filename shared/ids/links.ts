import { linksOf, type OwnHost, rootOf } from '../correlate/links.ts';
import type { Message } from '../correlate/lives.ts';
import { Fifo, type Places, type Relay } from './place.ts';
import type { TraceTable } from './table.ts';
import type { Outcome, Owned, Trace } from './trace.ts';

/** A claim about a link: a reply's `queued as` (the child is named), or a child's word about the ID it was before. */
interface Claim {
  readonly by: Trace;
  readonly dueAtMicros: number;
  /** Where the other end lives: relay and queue ID. */
  readonly otherRelay: string;
  readonly otherId: string;
  readonly role: 'parent' | 'child';
}

/** More traces than a chain can sensibly have: a tangle, which is left to the end. */
const maxChain = 200;

/**
 * Follows links while lines come in. A claim waits until log time has passed it by the settling time, so that both ends
 * and whatever contradicts are there; then the core's `attribute` decides over all that could bear on it. What cannot be
 * decided (the other end was never seen, or long ago) is decided at the end.
 */
export class Links {
  readonly #table: TraceTable;
  readonly #places: Places;
  readonly #ownHost: OwnHost;
  readonly #isForgotten: (relayName: string, queueId: string) => boolean;
  readonly #waiting = new Map<Relay, Fifo<Claim>>();
  /** Parents by the child that they name. */
  readonly #parents = new Map<string, Trace[]>();

  /** `isForgotten`: whether traces of an ID may have left memory. They would have a say. */
  constructor(
    table: TraceTable,
    places: Places,
    ownHost: OwnHost,
    isForgotten: (relayName: string, queueId: string) => boolean,
  ) {
    this.#isForgotten = isForgotten;
    this.#table = table;
    this.#places = places;
    this.#ownHost = ownHost;
  }

  /** A delivery of `parent` says that one of our own hosts queued it as `child`. */
  claimedChild(parent: Trace, child: NonNullable<Outcome['child']>, dueAtMicros: number): void {
    const otherRelay = this.#ownHost(child.address, parent.place.relay.name);
    if (otherRelay === undefined) return;
    const key = keyOf(otherRelay, child.queueId);
    const parents = this.#parents.get(key);
    if (parents === undefined) this.#parents.set(key, [parent]);
    else if (!parents.includes(parent)) parents.push(parent);
    this.#wait({ by: parent, dueAtMicros, otherRelay, otherId: child.queueId, role: 'parent' });
  }

  /** `child` says which ID it was before. `client` is who said so by XFORWARD; absent for pickup's own word. */
  claimedParent(child: Trace, otherId: string, client: string | undefined, dueAtMicros: number): void {
    const here = child.place.relay.name;
    const otherRelay = client === undefined ? here : this.#ownHost(client, here);
    if (otherRelay !== undefined) this.#wait({ by: child, dueAtMicros, otherRelay, otherId, role: 'child' });
  }

  /** Decides what is due at `nowMicros` on a relay; `owned` is told whom a life was found to belong to. */
  decide(relay: Relay, nowMicros: number, owned: (child: Trace) => void): void {
    const waiting = this.#waiting.get(relay);
    if (waiting === undefined) return;
    for (let claim = waiting.first(); claim !== undefined && claim.dueAtMicros <= nowMicros; claim = waiting.first()) {
      waiting.shift();
      if (claim.by.gone) continue;
      const found = claim.role === 'child' ? [claim.by] : this.#traces(claim.otherRelay, claim.otherId);
      let decided = false;
      for (const child of found) if (this.#follow(child, claim, owned)) decided = true;
      if (decided) claim.by.openClaims -= 1;
    }
  }

  /** A trace leaves memory. */
  forget(trace: Trace): void {
    for (const outcome of trace.outcomes ?? []) {
      if (outcome.child === undefined) continue;
      const relay = this.#ownHost(outcome.child.address, trace.place.relay.name);
      if (relay === undefined) continue;
      const key = keyOf(relay, outcome.child.queueId);
      const left = this.#parents.get(key)?.filter((parent) => parent !== trace) ?? [];
      if (left.length === 0) this.#parents.delete(key);
      else this.#parents.set(key, left);
    }
  }

  #wait(claim: Claim): void {
    const { relay } = claim.by.place;
    let waiting = this.#waiting.get(relay);
    if (waiting === undefined) {
      waiting = new Fifo();
      this.#waiting.set(relay, waiting);
    }
    claim.by.openClaims += 1;
    waiting.push(claim);
  }

  /**
   * Attributes the lives of `child` as the core does, over everything that has a say. True if that decides the claim:
   * it holds, and the chain's beginning is known, be it somebody's or nobody's.
   */
  #follow(child: Trace, claim: Claim, owned: (child: Trace) => void): boolean {
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
      child.owned ??= [];
      child.owned.push({ startMicros: life.acceptedAtMicros, ...(login !== undefined && { login }) });
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

  /** The lives of `child` and of all traces that could bear on whose it is; `known`: lives whose owner was found. */
  #gather(
    child: Trace,
  ): { messages: Map<Trace, readonly Message[]>; known: Map<Message, string | undefined> } | undefined {
    const messages = new Map<Trace, readonly Message[]>();
    const known = new Map<Message, string | undefined>();
    const queue = [child];
    for (let index = 0; index < queue.length; index++) {
      const trace = queue[index];
      if (trace === undefined || messages.has(trace)) continue;
      if (messages.size >= maxChain || this.#wasForgotten(trace)) return undefined;
      const lives = trace.lives();
      messages.set(trace, lives);
      for (const life of lives) {
        const owned = ownedOf(trace.owned, life);
        if (owned !== undefined) known.set(life, owned.login);
      }
      if (!this.#enqueueUpward(trace, lives, queue)) return undefined;
    }
    return { messages, known };
  }

  /** Whether there were other lines about an ID before these. A long ID whose acceptance is here has no others. */
  #wasForgotten({ place, queueId, long, startAt }: Trace): boolean {
    return !(long && startAt >= 0) && this.#isForgotten(place.relay.name, queueId);
  }

  /** Whatever could be the parent of one of these lives, or be meant instead of one. False if it is not all in memory. */
  #enqueueUpward(trace: Trace, lives: readonly Message[], queue: Trace[]): boolean {
    const relay = trace.place.relay.name;
    queue.push(...this.#traces(relay, trace.queueId));
    // A life that names its account, or whose owner is known, needs no parent.
    const rootless = lives.some((life) => life.login === undefined && ownedOf(trace.owned, life) === undefined);
    if (!rootless) return true;
    queue.push(...(this.#parents.get(keyOf(relay, trace.queueId)) ?? []));
    for (const { origId, origQueueId, client } of lives) {
      const from = origId !== undefined ? relay : client === undefined ? undefined : this.#ownHost(client, relay);
      const other = origId ?? origQueueId;
      if (from === undefined || other === undefined) continue;
      if (this.#isForgotten(from, other)) return false;
      queue.push(...this.#traces(from, other));
    }
    return true;
  }

  #traces(relayName: string, queueId: string): Trace[] {
    const places = this.#places.relays.get(relayName)?.places ?? [];
    return places.flatMap((place) => this.#table.findText(queueId, place) ?? []);
  }
}

const sameLifeMicros = 1_000_000;

/** What was found about a life by its links. */
export function ownedOf(owned: readonly Owned[] | undefined, life: Message): Owned | undefined {
  return owned?.find(({ startMicros }) => Math.abs(startMicros - life.acceptedAtMicros) <= sameLifeMicros);
}

function keyOf(relay: string, queueId: string): string {
  return `${relay}\0${queueId}`;
}
