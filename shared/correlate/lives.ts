import { longIdMicros } from '../parse/queue-id.ts';
import { type Fact, type Part, processName, type Trace } from './facts.ts';

type Outcome = Extract<Fact, { kind: 'outcome' }>;

/**
 * One message: the union of what is known about one life of a queue ID (I3: identity is relay, instance, queue ID,
 * life; never the ID alone).
 */
export interface Message {
  readonly relay: string;
  readonly instance: string;
  readonly queueId: string;
  /** Names the life: the time inside a long ID, else of the `client=` or pickup line, else of the first line seen. */
  readonly acceptedAtMicros: number;
  readonly login?: string;
  readonly client?: string;
  readonly sender?: string;
  readonly sizeBytes?: number;
  readonly recipients?: number;
  /** Empty: it was logged as having none. */
  readonly messageIdHash?: string;
  readonly origQueueId?: string;
  /** From pickup after `postsuper -r`: the ID before, on the same instance. */
  readonly origId?: string;
  /** First `queue active`: from then on it is a message for certain. */
  readonly queuedAtMicros?: number;
  readonly heldAtMicros?: number;
  /** It was taken and thrown away at once. */
  readonly discarded: boolean;
  /** smtpd's process. */
  readonly pid?: number;
  /** A check refused it after all. */
  readonly refused: boolean;
  /** Its client was lost in DATA: what was done to it till then were promises. */
  readonly lost: boolean;
  /** First release from hold by postsuper(1): somebody wanted it to go. */
  readonly releasedAtMicros?: number;
  readonly removedAtMicros?: number;
  /** A delivery notice of the relay itself. */
  readonly notice: boolean;
  readonly outcomes: readonly Outcome[];
}

/** A `client=` line alone is no message yet: RSET or a dropped DATA leaves it too. */
export function isMessage(message: Message): boolean {
  const { notice, queuedAtMicros, heldAtMicros, outcomes, discarded, lost, refused } = message;
  if (notice) return false;
  if (queuedAtMicros !== undefined || outcomes.length > 0) return true;
  return (heldAtMicros !== undefined || discarded) && !lost && !refused;
}

/** What smtpd took for a before-queue proxy: it has no ID, and is what the message with one was made from. */
export function isProxied({ queueId }: Message): boolean {
  return queueId.startsWith('[');
}

/** smtpd's timeouts are minutes. */
export const longestTransactionMicros = 3600 * 1_000_000;

/** Two records of one ID on one instance within this span are one life. Log stamps may be whole seconds. */
export const sameLifeMicros = 1_000_000;

/** All messages in the union of some parts; order and repetition of the parts do not matter. */
export function messagesOf(parts: Iterable<Part>): Message[] {
  const union = new Map<string, { relay: string; instance: string; queueId: string; facts: Fact[] }>();
  for (const part of parts) {
    for (const trace of part.traces) {
      const key = `${part.relay}\0${trace.instance}\0${trace.queueId}`;
      const known = union.get(key);
      if (known === undefined) union.set(key, { relay: part.relay, ...trace, facts: [...trace.facts] });
      else known.facts.push(...trace.facts);
    }
  }
  const traces = [...union.values()];
  const losses = traces.flatMap((trace) => lossesOf(trace.relay, trace));
  const messages = traces.flatMap((trace) => livesOf(trace.relay, trace));
  return losses.length === 0 ? messages : withLosses(messages, losses);
}

/** The lives of one queue ID. Facts may be repeated and in any order; the result is the same. */
export function livesOf(relay: string, trace: Trace): Message[] {
  const facts = sortedOnce(trace.facts);
  if (trace.queueId.startsWith('[')) return proxiedOf(relay, trace, facts);
  const encoded = longIdMicros(trace.queueId);
  if (encoded !== undefined) return [fold(relay, trace, encoded, facts)];
  const starts = startsOf(facts);
  const first = facts[0];
  // Facts that precede every start tell of a life whose beginning was not seen.
  if (first !== undefined && (starts[0] === undefined || first.atMicros < starts[0])) starts.unshift(first.atMicros);
  const lives = starts.map((start): Life => ({ start, facts: [], ended: false }));
  for (const fact of facts) {
    let at = lives.findLastIndex(({ start }) => start <= fact.atMicros);
    const ends = isEnd(fact);
    // An ID is free before it names another message: where stamps are whole seconds, an end in the very second of the
    // next start is the end of the life before.
    if (ends && lives[at]?.start === fact.atMicros && lives[at - 1]?.ended === false) at -= 1;
    const life = lives[at];
    if (life === undefined) continue;
    life.facts.push(fact);
    if (ends) life.ended = true;
  }
  return lives.flatMap(partedAtEnd).map((life) => fold(relay, trace, life.start, life.facts));
}

/**
 * What is logged of an ID after its end is about another message, though nobody logged its beginning: a delivery notice, or
 * what local(8) forwards, has neither a client nor a pickup line.
 */
function partedAtEnd(life: Life): Life[] {
  const end = life.facts.find(isEnd)?.atMicros ?? Number.POSITIVE_INFINITY;
  // Not a delivery: what is purged while it is being delivered may still be logged as sent.
  const next = life.facts.find(
    ({ kind, atMicros }) => atMicros > end && (kind === 'messageId' || kind === 'queued' || kind === 'notice'),
  );
  if (next === undefined) return [life];
  const later = {
    start: next.atMicros,
    facts: life.facts.filter(({ atMicros }) => atMicros >= next.atMicros),
    ended: false,
  };
  return [{ ...life, facts: life.facts.filter(({ atMicros }) => atMicros < next.atMicros) }, ...partedAtEnd(later)];
}

/** Begins a life. A notice has a fresh ID too, whatever became of the message that had it before. */
export function isStart({ kind }: Fact): boolean {
  return kind === 'accepted' || kind === 'picked' || kind === 'notice';
}

/** Ends one. */
export function isEnd({ kind }: Fact): boolean {
  return kind === 'removed' || kind === 'purged' || kind === 'requeued' || kind === 'discarded';
}

/**
 * The messages that a process took for its proxy, each with the ID under which the proxy put it back in. An answer is about
 * what was taken since the one before; where stamps are whole seconds and that may be two logins' mail, it is nobody's.
 */
function proxiedOf(relay: string, { instance, queueId }: Trace, facts: readonly Fact[]): Message[] {
  const messages: Message[] = [];
  let since = Number.NEGATIVE_INFINITY;
  for (const answer of facts) {
    if (answer.kind !== 'proxyAnswered') continue;
    const { atMicros } = answer;
    const from = Math.max(since, atMicros - longestTransactionMicros);
    const taken = facts.filter((fact) => fact.kind === 'proxied' && fact.atMicros >= from && fact.atMicros <= atMicros);
    since = atMicros;
    const [first] = taken;
    if (first?.kind !== 'proxied' || taken.some((each) => each.kind === 'proxied' && each.login !== first.login))
      continue;
    const child = { address: '127.0.0.1', queueId: answer.queueId };
    const outcome = { kind: 'outcome', atMicros, recipient: '', status: 'sent', reply: 'other', child } as const;
    const { login, client } = first;
    const life = fold(relay, { instance, queueId }, first.atMicros, [outcome]);
    messages.push({ ...life, client, ...(login !== undefined && { login }), queuedAtMicros: first.atMicros });
  }
  return messages;
}

export interface Loss {
  readonly process: string;
  readonly atMicros: number;
}

export function lossesOf(relay: string, { instance, queueId, facts }: Trace): Loss[] {
  if (!queueId.startsWith('[')) return [];
  const process = `${relay}\0${instance}\0${queueId}`;
  return facts.flatMap(({ kind, atMicros }) => (kind === 'lost' ? [{ process, atMicros }] : []));
}

/** What a process had open when its client was lost is the transaction that it accepted last. */
export function withLosses(messages: readonly Message[], losses: readonly Loss[]): Message[] {
  const processes = Map.groupBy(
    messages.filter(({ pid }) => pid !== undefined),
    ({ relay, instance, pid = 0 }) => `${relay}\0${instance}\0${processName(pid)}`,
  );
  const lost = new Set<Message>();
  for (const { process, atMicros } of losses) {
    // Process numbers come back.
    const before = (processes.get(process) ?? []).filter(
      ({ acceptedAtMicros: at }) => at <= atMicros && at > atMicros - longestTransactionMicros,
    );
    const last = before.reduce<Message | undefined>(
      (known, each) => (known !== undefined && known.acceptedAtMicros >= each.acceptedAtMicros ? known : each),
      undefined,
    );
    if (last !== undefined) lost.add(last);
  }
  return messages.map((message) => (lost.has(message) ? { ...message, lost: true } : message));
}

interface Life {
  readonly start: number;
  readonly facts: Fact[];
  ended: boolean;
}

function startsOf(facts: readonly Fact[]): number[] {
  const starts: number[] = [];
  for (const fact of facts) {
    if (!isStart(fact)) continue;
    const last = starts.at(-1);
    if (last === undefined || fact.atMicros - last > sameLifeMicros) starts.push(fact.atMicros);
  }
  return starts;
}

/** Facts come sorted, so `??=` takes the earliest of each kind: the same one whatever the order of arrival. */
function fold(
  relay: string,
  trace: Pick<Trace, 'instance' | 'queueId'>,
  start: number,
  facts: readonly Fact[],
): Message {
  const life: { -readonly [K in keyof Message]: Message[K] } & { outcomes: Outcome[] } = {
    relay,
    instance: trace.instance,
    queueId: trace.queueId,
    acceptedAtMicros: start,
    notice: false,
    discarded: false,
    refused: false,
    lost: false,
    outcomes: [],
  };
  for (const fact of facts) {
    switch (fact.kind) {
      case 'accepted':
        life.client ??= fact.client;
        if (fact.pid !== undefined) life.pid ??= fact.pid;
        if (fact.login !== undefined) life.login ??= fact.login;
        if (fact.origQueueId !== undefined) life.origQueueId ??= fact.origQueueId;
        break;
      case 'picked':
        life.sender ??= fact.sender;
        if (fact.origId !== undefined) life.origId ??= fact.origId;
        break;
      case 'messageId':
        life.messageIdHash = chosenId(life.messageIdHash, fact.hash);
        break;
      case 'queued':
        life.queuedAtMicros ??= fact.atMicros;
        life.sender ??= fact.sender;
        life.sizeBytes ??= fact.sizeBytes;
        life.recipients ??= fact.recipients;
        break;
      case 'outcome':
        life.outcomes.push(fact);
        break;
      case 'held':
        if (fact.promised !== 'command' || facts.some(({ kind }) => kind === 'messageId'))
          life.heldAtMicros ??= fact.atMicros;
        break;
      case 'refused':
        life.refused = true;
        break;
      case 'removed':
      case 'purged':
      case 'requeued':
        life.removedAtMicros ??= fact.atMicros;
        break;
      case 'released':
        life.releasedAtMicros ??= fact.atMicros;
        break;
      case 'notice':
        life.notice = true;
        break;
      case 'discarded':
        life.discarded = true;
        life.removedAtMicros ??= fact.atMicros;
        break;
      case 'proxied':
      case 'proxyAnswered':
      case 'lost':
        // Of a process, not of an ID.
        break;
    }
  }
  return life;
}

/**
 * Each Message-ID header has a line of its own, and a sender decides how many there are and how far apart they come.
 * The smallest is the same one for a message and for what a filter makes of it, whatever the times.
 */
function chosenId(known: string | undefined, hash: string): string {
  if (known === undefined || known === '') return hash;
  return hash !== '' && hash < known ? hash : known;
}

/** In a total order, each once, so that equal unions fold to equal messages. */
function sortedOnce(facts: readonly Fact[]): Fact[] {
  const texts = new Map<Fact, string>();
  // Most facts differ in time, and need no text.
  const textOf = (fact: Fact): string => {
    const known = texts.get(fact);
    if (known !== undefined) return known;
    const text = JSON.stringify(Object.entries(fact).sort(([a], [b]) => (a < b ? -1 : 1)));
    texts.set(fact, text);
    return text;
  };
  const order = (a: Fact, b: Fact): number => {
    if (a.atMicros !== b.atMicros) return a.atMicros - b.atMicros;
    if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1;
    const [left, right] = [textOf(a), textOf(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  };
  const sorted = [...facts].sort(order);
  return sorted.filter((fact, index) => {
    const before = sorted[index - 1];
    return before === undefined || order(fact, before) !== 0;
  });
}
