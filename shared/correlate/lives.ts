import { longIdMicros } from '../parse/queue-id.ts';
import type { Fact, Part, Trace } from './facts.ts';
import type { Message, Outcome } from './message.ts';
import { lossesOf, proxiedOf, withLosses } from './processes.ts';

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
  const messages = lives.flatMap(partedAtEnd).map((life) => fold(relay, trace, life.start, life.facts));
  // An ID names one message at a time: the next one shows that this one is gone, though its end was not logged.
  return messages.map((message, index) => {
    const next = messages[index + 1];
    return next === undefined ? message : { removedAtMicros: next.acceptedAtMicros, ...message };
  });
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
    isHeld: false,
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
        if (fact.promised === undefined) life.isHeld = true;
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
