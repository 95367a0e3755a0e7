import { type Fact, processName, type Trace } from './facts.ts';
import type { Message } from './message.ts';

/** smtpd's timeouts are minutes. */
export const longestTransactionMicros = 3600 * 1_000_000;

/**
 * The messages that a process took for its proxy, each with the ID under which the proxy put it back in. An answer is about
 * what was taken since the one before; where stamps are whole seconds and that may be two logins' mail, it is nobody's.
 */
export function proxiedOf(relay: string, { instance, queueId }: Trace, facts: readonly Fact[]): Message[] {
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
    messages.push({
      relay,
      instance,
      queueId,
      acceptedAtMicros: first.atMicros,
      queuedAtMicros: first.atMicros,
      client,
      ...(login !== undefined && { login }),
      notice: false,
      discarded: false,
      refused: false,
      lost: false,
      outcomes: [outcome],
    });
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
