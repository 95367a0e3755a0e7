import { type Fact, processName, type Trace } from './facts.ts';
import type { Message } from './message.ts';

/** smtpd's timeouts are minutes. */
export const longestTransactionMicros = 3600 * 1_000_000;

type Taken = Extract<Fact, { kind: 'proxied' }>;
type Answer = Extract<Fact, { kind: 'proxyAnswered' }>;

/** The messages that a process took for its proxy, each with the ID under which the proxy put it back in. */
export function proxiedOf(relay: string, { instance, queueId }: Trace, facts: readonly Fact[]): Message[] {
  const taken = facts.filter((fact): fact is Taken => fact.kind === 'proxied');
  const messages: Message[] = [];
  let since = Number.NEGATIVE_INFINITY;
  for (const answer of facts) {
    if (answer.kind !== 'proxyAnswered') continue;
    const { atMicros } = answer;
    const from = Math.max(since, atMicros - longestTransactionMicros);
    since = atMicros;
    const mail = answeredOf(
      taken.filter((each) => each.atMicros >= from && each.atMicros <= atMicros),
      answer,
    );
    if (mail === undefined) continue;
    const child = { address: '127.0.0.1', queueId: answer.queueId };
    messages.push({
      relay,
      instance,
      queueId,
      acceptedAtMicros: mail.atMicros,
      queuedAtMicros: mail.atMicros,
      client: mail.client,
      ...(mail.login !== undefined && { login: mail.login }),
      notice: false,
      isHeld: false,
      discarded: false,
      refused: false,
      lost: false,
      outcomes: [{ kind: 'outcome', atMicros, recipient: '', status: 'sent', reply: 'other', child }],
    });
  }
  return messages;
}

/**
 * A process serves one transaction after the other: an answer is about the last one that was taken. Stamps may be whole
 * seconds, and not tell which that is: then the login that the answer claims decides, or it is nobody's.
 */
function answeredOf(taken: readonly Taken[], answer: Answer): Taken | undefined {
  const last = taken.at(-1);
  if (last === undefined) return undefined;
  const before = taken.findLast(({ atMicros }) => atMicros < answer.atMicros);
  const candidates = taken.filter(({ atMicros }) => atMicros === last.atMicros);
  if (last.atMicros === answer.atMicros && before !== undefined) candidates.push(before);
  if (candidates.every(({ login }) => login === last.login)) return candidates[0];
  return answer.login === undefined ? undefined : candidates.find(({ login }) => login === answer.login);
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
    const lastMicros = Math.max(...before.map(({ acceptedAtMicros }) => acceptedAtMicros));
    const last = before.filter(({ acceptedAtMicros }) => acceptedAtMicros === lastMicros);
    // Of two within a second nobody knows which one it was.
    if (new Set(last.map(({ queueId }) => queueId)).size > 1) continue;
    for (const message of last) lost.add(message);
  }
  return messages.map((message) => (lost.has(message) ? { ...message, lost: true } : message));
}
