import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { AccountRule } from '../shared/account/account.ts';
import type { KeyedHash } from '../shared/correlate/collect.ts';
import type { Rule } from '../shared/decide/rules.ts';
import type { FindingEvent } from '../shared/store/outbox.ts';
import type { Stores } from '../shared/store/stores.ts';
import type { Signer } from '../shared/wire/jws.ts';

/** A structured logger; pino and Powertools' Logger both fit behind it. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What is counted, and alarmed on; each a sum over the time that an alarm looks at. */
export type Metric =
  | 'linesParsed'
  | 'linesIgnored'
  | 'linesMalformed'
  | 'linesTooLate'
  | 'deadLetters'
  | 'findingsOpened'
  /** Containments that the brake left to a person. */
  | 'containmentsBraked'
  | 'relaysSilent'
  | 'relaysClockOff'
  | 'ordersRefused'
  /** Byte ranges of a log that did not arrive and were asked for … */
  | 'packsMissing'
  /** … and that did not come when asked for: lines are lost. */
  | 'packsLost'
  /** Relays whose log grows while its lines do not arrive. */
  | 'relaysLinesStopped';

/** What the functions work with. The hub and each Lambda build it once; nothing else knows where it runs. */
export interface Deps extends Stores {
  readonly sqs: SQSClient;
  readonly queues: { readonly dispatch: string; readonly dead: string };
  readonly signer: Signer;
  readonly rules: readonly Rule[];
  readonly accountRule: AccountRule;
  readonly hash: KeyedHash;
  readonly log: Log;
  readonly count: (metric: Metric, by?: number) => void;
  /** Tells the world of a finding: at least once, and never before what contains it. */
  readonly announce: (event: FindingEvent) => Promise<void>;
  /** Automatic containments in an hour; beyond it findings open still, but wait for a person. */
  readonly maxContainmentsPerHour: number;
  /**
   * False for an endpoint whose SenderId names nobody (ElasticMQ, LocalStack): a registration without a principal is
   * accepted there and nowhere else.
   */
  readonly namesSenders: boolean;
  readonly nowMs: () => number;
  /** A short unique id: six or more characters of [a-z0-9]. */
  readonly newId: () => string;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Tells dispatch that the outbox has something. A lost nudge costs seconds: the sweep sends another. */
export async function nudge(deps: Deps): Promise<void> {
  await deps.sqs.send(
    new SendMessageCommand({ QueueUrl: deps.queues.dispatch, MessageBody: '{"v":1,"kind":"drain"}' }),
  );
}

/** SQS refuses 1 MiB, and two characters that JSON leaves as they are; a dead letter must always be accepted. */
const maxDeadLetterBytes = 256 * 1024;
/** A reason names what is wrong, and a message can have a hundred thousand faults. */
const maxReasonLength = 4_000;
const refusedCharacters = /[\uFFFE\uFFFF]/g;

/**
 * Puts input that cannot be processed aside with its reason, for a person to look at; its batch goes on (I8). The body
 * is base64, because it may hold anything.
 */
export async function deadLetter(deps: Deps, fault: string, source: string, body: string): Promise<void> {
  const bytes = Buffer.from(body).subarray(0, maxDeadLetterBytes);
  const reason = fault.slice(0, maxReasonLength).replace(refusedCharacters, '\uFFFD');
  const letter = { v: 1, reason, source, at: deps.nowMs(), body: bytes.toString('base64') };
  deps.log.warn({ reason, source }, 'input set aside as a dead letter');
  deps.count('deadLetters');
  await deps.sqs.send(new SendMessageCommand({ QueueUrl: deps.queues.dead, MessageBody: JSON.stringify(letter) }));
}
