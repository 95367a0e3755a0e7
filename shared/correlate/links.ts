import { isProxied, type Message } from './message.ts';

/**
 * Derived attribution: a message that a content filter, a next relay or a requeue made from an account's message.
 * A reply's `queued as ID` and XFORWARD's `orig_queue_id` are claims; a claim counts only where the host that made it
 * is ours, judged by its bracketed address, and the child's own record agrees (I1).
 */
export interface Attribution {
  readonly message: Message;
  readonly login: string;
  readonly how: 'direct' | 'derived';
}

/** The relay that answers at an address as seen from `from`; undefined where the address is not ours. */
export type OwnHost = (address: string, from: string) => string | undefined;

/** Loopback is the logging relay itself; all else comes from registered addresses. */
export function ownHosts(addresses: ReadonlyMap<string, string>): OwnHost {
  return (address, from) => addresses.get(address) ?? (isLoopback(address) ? from : undefined);
}

export function isLoopback(address: string): boolean {
  return address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address);
}

/** Two hosts' clocks, or a program's line that came late. */
export const agreeMicros = 2_000_000;

/** qmgr looks into the incoming queue once a minute, if nobody tells it to. */
const requeueMicros = 60_000_000;

/** Which message was made from which. */
export interface Links {
  readonly parentOf: ReadonlyMap<Message, Message>;
  /** Children of two parents: nobody's. */
  readonly contested: ReadonlySet<Message>;
}

/**
 * Every message that belongs to a login, directly or over any number of hops. `known` says whose messages are whose own
 * chains were followed before; `undefined`: nobody's.
 */
export function attribute(
  messages: readonly Message[],
  ownHost: OwnHost,
  known: ReadonlyMap<Message, string | undefined> = new Map(),
): Attribution[] {
  const links = linksOf(messages, ownHost);
  return messages.flatMap((message): Attribution[] => {
    if (isProxied(message)) return [];
    if (message.login !== undefined) return [{ message, login: message.login, how: 'direct' }];
    const root = rootOf(message, links, known);
    const login = root === undefined ? undefined : (root.login ?? known.get(root));
    return login === undefined || message.notice ? [] : [{ message, login, how: 'derived' }];
  });
}

/**
 * A child agrees when it was accepted between the parent's queueing and the link line (± 2 s) and, where the parent
 * has a message-id and the child's is known, they are equal. If two children agree, neither links; a child with a login
 * of its own is never taken over.
 */
export function linksOf(messages: readonly Message[], ownHost: OwnHost): Links {
  const byId = new Map<string, Message[]>();
  for (const message of messages) append(byId, `${message.relay}\0${message.queueId}`, message);
  const parentOf = new Map<Message, Message>();
  const contested = new Set<Message>();
  const link = (parent: Message, child: Message): void => {
    const known = parentOf.get(child);
    if (known !== undefined && known !== parent) contested.add(child);
    parentOf.set(child, parent);
  };

  for (const parent of messages) {
    for (const outcome of parent.outcomes) {
      if (outcome.child === undefined) continue;
      const relay = ownHost(outcome.child.address, parent.relay);
      if (relay === undefined) continue;
      const named = byId.get(`${relay}\0${outcome.child.queueId}`) ?? [];
      const agreeing = currentAt(named, outcome.atMicros).filter((child) => agrees(parent, child, outcome.atMicros));
      const [only] = agreeing;
      if (agreeing.length === 1 && only !== undefined) link(parent, only);
    }
  }
  for (const child of messages) {
    const claimed = child.origQueueId ?? child.origId;
    if (claimed === undefined) continue;
    // origId is pickup's own word about the same instance; orig_queue_id comes over SMTP from a client.
    const relay =
      child.origId !== undefined
        ? child.relay
        : child.client === undefined
          ? undefined
          : ownHost(child.client, child.relay);
    if (relay === undefined) continue;
    const agreeing = currentAt(byId.get(`${relay}\0${claimed}`) ?? [], child.acceptedAtMicros).filter((parent) =>
      child.origId !== undefined
        ? parent.instance === child.instance &&
          parent !== child &&
          parent.acceptedAtMicros <= child.acceptedAtMicros + agreeMicros
        : agrees(parent, child, child.acceptedAtMicros),
    );
    const parent = agreeing.at(-1);
    if (parent !== undefined && (agreeing.length === 1 || child.origId !== undefined)) link(parent, child);
  }

  for (const { instance, origId, relay, queueId, acceptedAtMicros } of messages) {
    // A scanner outside of Postfix knows no instances: what it says is about both IDs wherever they are.
    if (instance !== '' || origId === undefined) continue;
    const at = acceptedAtMicros;
    const of = (id: string, atMicros: number): Message[] =>
      currentAt(byId.get(`${relay}\0${id}`) ?? [], atMicros).filter((each) => each.instance !== '');
    const parents = of(origId, at).filter((parent) => parent.acceptedAtMicros <= at + agreeMicros);
    const children = of(queueId, at + requeueMicros).filter(
      (child) => child.login === undefined && Math.abs(child.acceptedAtMicros - at) <= requeueMicros,
    );
    const [parent] = parents;
    const [child] = children;
    if (
      parents.length === 1 &&
      children.length === 1 &&
      parent !== undefined &&
      child !== undefined &&
      parent !== child
    )
      link(parent, child);
  }

  return { parentOf, contested };
}

/**
 * What an ID named at a time, on each instance: an ID names one message at once, and those before it are gone. One that
 * begins later may be meant too, as far as clocks allow.
 */
function currentAt(lives: readonly Message[], atMicros: number): Message[] {
  if (lives.length < 2) return [...lives];
  const latest = new Map<string, number>();
  for (const { instance, acceptedAtMicros } of lives) {
    const known = latest.get(instance) ?? Number.NEGATIVE_INFINITY;
    if (acceptedAtMicros <= atMicros && acceptedAtMicros > known) latest.set(instance, acceptedAtMicros);
  }
  return lives.filter(({ instance, acceptedAtMicros }) => acceptedAtMicros >= (latest.get(instance) ?? 0));
}

function agrees(parent: Message, child: Message, linkedAtMicros: number): boolean {
  if (child === parent || child.login !== undefined || child.notice) return false;
  const from = parent.queuedAtMicros ?? parent.acceptedAtMicros;
  if (child.acceptedAtMicros < from - agreeMicros || child.acceptedAtMicros > linkedAtMicros + agreeMicros)
    return false;
  return (
    // A filter may add an id, and lose none: a child that has none is not made from a parent that has one.
    parent.messageIdHash === undefined ||
    parent.messageIdHash === '' ||
    child.messageIdHash === undefined ||
    parent.messageIdHash === child.messageIdHash
  );
}

/** Where a message's chain begins: a login, or the last parent known. `undefined`: nobody's, contested or a ring. */
export function rootOf(
  message: Message,
  { parentOf, contested }: Links,
  known: ReadonlyMap<Message, string | undefined>,
): Message | undefined {
  const seen = new Set<Message>();
  for (let at = message; ; ) {
    if (contested.has(at) || seen.has(at)) return undefined;
    const parent = at.login !== undefined || known.has(at) ? undefined : parentOf.get(at);
    if (parent === undefined) return at;
    seen.add(at);
    at = parent;
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
