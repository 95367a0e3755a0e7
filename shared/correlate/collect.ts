import type { Action, LogRecord, Parsed } from '../parse/record.ts';
import { replyClass } from '../parse/reply.ts';
import { type Fact, type Part, processName } from './facts.ts';

/** Keyed hash of a text that a stranger chose; short, and only good for equality. */
export type KeyedHash = (text: string) => string;

/** Gathers the facts of one relay's lines into a part. Lines may come in any order. */
export class PartCollector {
  readonly #relay: string;
  readonly #hash: KeyedHash;
  readonly #oldestMicros: number;
  readonly #facts = new Map<string, { instance: string; queueId: string; facts: Fact[] }>();
  readonly #ignored: Record<string, number> = {};
  #parsed = 0;
  #malformed = 0;
  #tooLate = 0;

  /** `oldestMicros`: what is older is counted as too late and adds no fact (the parts' retention). */
  constructor(relay: string, hash: KeyedHash, oldestMicros: number) {
    this.#relay = relay;
    this.#hash = hash;
    this.#oldestMicros = oldestMicros;
  }

  add(parsed: Parsed): void {
    if ('ignored' in parsed) {
      this.#ignored[parsed.ignored] = (this.#ignored[parsed.ignored] ?? 0) + 1;
    } else if ('malformed' in parsed) {
      this.#malformed += 1;
    } else if (parsed.ok.atMicros < this.#oldestMicros) {
      this.#tooLate += 1;
    } else {
      this.#parsed += 1;
      this.#collect(parsed.ok);
    }
  }

  part(): Part {
    return {
      relay: this.#relay,
      counts: {
        parsed: this.#parsed,
        malformed: this.#malformed,
        ignored: { ...this.#ignored },
        tooLate: this.#tooLate,
      },
      traces: [...this.#facts.values()],
    };
  }

  #collect(record: LogRecord): void {
    const fact = factOf(record, this.#hash);
    if (fact !== undefined) this.#add(record.instance, fact.queueId, fact.fact);
  }

  #add(instance: string, queueId: string, fact: Fact): void {
    const key = `${instance}\0${queueId}`;
    const trace = this.#facts.get(key);
    if (trace === undefined) this.#facts.set(key, { instance, queueId, facts: [fact] });
    else trace.facts.push(fact);
  }
}

/** The fact that a record states, and about which ID; undefined where it states none that anybody counts. */
export function factOf(record: LogRecord, hash: KeyedHash): { queueId: string; fact: Fact } | undefined {
  const { atMicros } = record;
  switch (record.kind) {
    case 'acceptance': {
      const { client, login, pid, origQueueId } = record;
      const fact = { kind: 'accepted', atMicros, client, pid, ...defined({ login, origQueueId }) } as const;
      return { queueId: record.queueId, fact };
    }
    case 'pickup': {
      const fact = { kind: 'picked', atMicros, sender: record.sender, ...defined({ origId: record.origId }) } as const;
      return { queueId: record.queueId, fact };
    }
    case 'messageId': {
      if (record.resent) return undefined;
      const { messageId } = record;
      return {
        queueId: record.queueId,
        fact: { kind: 'messageId', atMicros, hash: messageId === '' ? '' : hash(messageId) },
      };
    }
    case 'queued': {
      const { sender, sizeBytes, recipients } = record;
      return { queueId: record.queueId, fact: { kind: 'queued', atMicros, sender, sizeBytes, recipients } };
    }
    case 'delivery': {
      const { status, remoteAddress } = record;
      // What local(8) forwards stays on this host.
      const address = record.forwardedAs === undefined ? remoteAddress : '127.0.0.1';
      const childId = record.forwardedAs ?? record.queuedAs;
      const child = childId === undefined || address === undefined ? undefined : { address, queueId: childId };
      const fact = {
        kind: 'outcome',
        atMicros,
        recipient: hash(record.recipient.toLowerCase()),
        status,
        reply: replyClass(status, record.dsn, record.reply),
        ...defined({ remote: record.remoteName ?? remoteAddress, child }),
      } as const;
      return { queueId: record.queueId, fact };
    }
    case 'expired':
      return undefined;
    case 'removed':
      return { queueId: record.queueId, fact: { kind: 'removed', atMicros } };
    case 'superseded':
      return { queueId: record.queueId, fact: { kind: record.act, atMicros } };
    case 'notification':
      return { queueId: record.childId, fact: { kind: 'notice', atMicros } };
    case 'action':
      return actionFact(record);
    case 'scannerRequeue':
      return { queueId: record.queueId, fact: { kind: 'picked', atMicros, sender: '', origId: record.origId } };
    case 'proxyAcceptance': {
      const { client, login } = record;
      return { queueId: processName(record.pid), fact: { kind: 'proxied', atMicros, client, ...defined({ login }) } };
    }
    case 'proxyReply': {
      const { queuedAs: queueId, claimedLogin: login } = record;
      if (queueId === undefined) return undefined;
      const fact = { kind: 'proxyAnswered', atMicros, queueId, ...defined({ login }) } as const;
      return { queueId: processName(record.pid), fact };
    }
    case 'sessionLost':
      // Before DATA there may be no transaction, or one that no line is about.
      if (record.after !== 'DATA' && record.after !== 'BDAT') return undefined;
      return { queueId: processName(record.pid), fact: { kind: 'lost', atMicros } };
    case 'authFailure':
    case 'connect':
    case 'disconnect':
      return undefined;
  }
}

/** What a check did to a message. NOQUEUE names none; a recipient's refusal leaves the message as it is. */
function actionFact({ action, queueId, stage, atMicros }: Action): { queueId: string; fact: Fact } | undefined {
  if (queueId === undefined) return undefined;
  const isCommand = /^[A-Z]/.test(stage);
  const isWhole = stage === 'END-OF-MESSAGE';
  switch (action) {
    case 'discard':
      return { queueId, fact: { kind: 'discarded', atMicros } };
    case 'reject':
      return isCommand && !isWhole ? undefined : { queueId, fact: { kind: 'refused', atMicros } };
    case 'hold':
      if (isWhole) return { queueId, fact: { kind: 'held', atMicros } };
      return { queueId, fact: { kind: 'held', atMicros, promised: isCommand ? 'command' : 'content' } };
  }
}

/** Leaves out undefined members, so that facts compare and pack without them. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
