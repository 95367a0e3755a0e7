import type { ScanFinding } from '../logs/scan.ts';
import type { Logged } from './log-tally.ts';
import { Names } from './names.ts';
import type { Queued } from './queue-tally.ts';

/** Why an account looks stolen. */
export type Suspicion = Pick<ScanFinding, 'rule' | 'severity' | 'openedAt' | 'evidence'> & {
  /** What the rules were run over: the mail that lies in the queue, or the log. */
  readonly from: 'queue' | 'log';
};

export interface Ranked {
  readonly account: string;
  readonly logins: readonly string[];
  /** Empty: nothing says that it is stolen. */
  readonly looksStolen: readonly Suspicion[];
  /** Messages in the queue, and of those in hold. */
  readonly queued: number;
  readonly held: number;
  /** Of all messages in the queue, 0 to 1. */
  readonly shareOfQueue: number;
  /** Of what is queued. */
  readonly recipients: number;
  readonly senders: Summary;
  readonly networks: Summary;
  /** In the logs read; absent where none was. */
  readonly logged?: { submissions: number; recipients: number; senders: Summary; networks: Summary };
  /** Acceptance of its newest message, ms since the epoch. */
  readonly newestAt: number;
}

interface Summary {
  /** Different ones; `atLeast` where there were too many to tell apart. */
  readonly different: number;
  readonly atLeast?: true;
  readonly top: readonly (readonly [name: string, messages: number])[];
}

export interface Evidence {
  readonly queued: ReadonlyMap<string, Queued>;
  readonly messages: number;
  readonly queueFindings: readonly ScanFinding[];
  /** Where logs were read. */
  readonly logged?: ReadonlyMap<string, Logged>;
  readonly logFindings: readonly ScanFinding[];
}

/** All accounts: those that look stolen first, then by what they have in the queue, then by what they sent. */
export function rank(evidence: Evidence): Ranked[] {
  const { queued, logged, messages } = evidence;
  const suspicions = new Map<string, Suspicion[]>();
  const suspect = (from: Suspicion['from']) => (finding: ScanFinding) => {
    const { account, rule, severity, openedAt, evidence } = finding;
    suspicions.set(account, [...(suspicions.get(account) ?? []), { from, rule, severity, openedAt, evidence }]);
  };
  evidence.queueFindings.forEach(suspect('queue'));
  evidence.logFindings.forEach(suspect('log'));
  const ranked = [...new Set([...queued.keys(), ...(logged?.keys() ?? [])])].map((account): Ranked => {
    const here = queued.get(account);
    const there = logged?.get(account);
    return {
      account,
      logins: here?.logins.all() ?? [],
      looksStolen: suspicions.get(account) ?? [],
      queued: here?.messages ?? 0,
      held: here?.byQueue.hold ?? 0,
      shareOfQueue: messages === 0 ? 0 : (here?.messages ?? 0) / messages,
      recipients: here?.recipients ?? 0,
      senders: summary(here?.senders),
      networks: summary(here?.networks),
      ...(logged === undefined
        ? {}
        : {
            logged: {
              submissions: there?.submissions ?? 0,
              recipients: there?.recipients ?? 0,
              senders: summary(there?.senders),
              networks: summary(there?.networks),
            },
          }),
      newestAt: Math.floor(Math.max(here?.newestMicros ?? 0, there?.newestMicros ?? 0) / 1000),
    };
  });
  const order = (each: Ranked) => [each.looksStolen.length > 0 ? 1 : 0, each.queued, each.logged?.submissions ?? 0];
  return ranked.sort((a, b) => compare(order(b), order(a)) || (a.account < b.account ? -1 : 1));
}

function summary(names: Names = new Names()): Summary {
  return { different: names.size, ...(names.isFull ? { atLeast: true as const } : {}), top: names.top(5) };
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
