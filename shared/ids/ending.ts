import { attribute, type OwnHost } from '../correlate/links.ts';
import { isMessage, livesOf, type Message } from '../correlate/lives.ts';
import type { RowSink } from './printer.ts';
import type { RememberedTrace } from './remembered.ts';
import { rowOf } from './row.ts';
import { isPrinted, ownedOf } from './same-life.ts';

interface Ending {
  readonly ownHost: OwnHost;
  readonly rows: 'known' | 'ended' | 'open';
  readonly outcomes: boolean;
  readonly sink: RowSink;
}

/**
 * At the end of input: the union of all that is still in question and of all that it asks for, judged by the core at
 * once. Rows come in the order of acceptance, and none that is out already.
 */
export function decideAll(questions: readonly RememberedTrace[], { ownHost, rows, outcomes, sink }: Ending): void {
  const union = Map.groupBy(questions, ({ place, queueId }) => `${place.number} ${queueId}`);
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
      sink.row(rowOf(message, login, outcomes));
    });
}

function livesOfAll(traces: readonly RememberedTrace[]): Message[] {
  const [first] = traces;
  if (first === undefined) return [];
  const { place, queueId } = first;
  const facts = traces.flatMap((trace) => trace.facts);
  return livesOf(place.relay.name, { instance: place.instance, queueId, facts });
}
