import { attribute, type OwnHost } from '../correlate/links.ts';
import { isMessage, livesOf, type Message } from '../correlate/lives.ts';
import { ownedOf } from './links.ts';
import { type IdRow, rowOf } from './row.ts';
import type { Trace } from './trace.ts';

interface Ending {
  readonly ownHost: OwnHost;
  readonly rows: 'known' | 'ended' | 'open';
  readonly outcomes: boolean;
  readonly row: (row: IdRow) => void;
}

/**
 * At the end of input: the union of all that is still in question and of all that it asks for, judged by the core at
 * once. Rows come in the order of acceptance, and none that is out already.
 */
export function decideAll(questions: Iterable<Trace>, { ownHost, rows, outcomes, row }: Ending): void {
  const union = new Map<string, Trace[]>();
  for (const trace of questions) {
    const key = `${trace.place.number} ${trace.queueId}`;
    const known = union.get(key);
    if (known === undefined) union.set(key, [trace]);
    else known.push(trace);
  }
  const messages: Message[] = [];
  const known = new Map<Message, string | undefined>();
  const printed = new Set<Message>();
  for (const traces of union.values()) {
    for (const life of livesOfAll(traces)) {
      messages.push(life);
      for (const trace of traces) {
        const owned = ownedOf(trace.owned, life);
        if (owned !== undefined) known.set(life, owned.login);
        if (isPrinted(trace.printed, life)) printed.add(life);
      }
    }
  }
  attribute(messages, ownHost, known)
    .filter(({ message }) => isMessage(message) && !printed.has(message))
    .filter(({ message }) => rows !== 'open' || message.removedAtMicros === undefined)
    .sort((a, b) => a.message.acceptedAtMicros - b.message.acceptedAtMicros)
    .forEach(({ message, login }) => {
      row(rowOf(message, login, outcomes));
    });
}

function livesOfAll(traces: readonly Trace[]): Message[] {
  const [first, ...others] = traces;
  if (first === undefined) return [];
  if (others.length === 0) return first.lives();
  const { place, queueId } = first;
  const facts = traces.flatMap((trace) => trace.facts());
  return livesOf(place.relay.name, { instance: place.instance, queueId, facts });
}

const sameLifeMicros = 1_000_000;

/** Whether the row of a life is out: `printed` are the starts of those that are. */
export function isPrinted(printed: readonly number[] | undefined, life: Message): boolean {
  return printed?.some((start) => Math.abs(start - life.acceptedAtMicros) <= sameLifeMicros) ?? false;
}
