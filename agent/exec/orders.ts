import type { Proof } from '../../shared/wire/events.ts';
import type { CommandOrder, DesiredEntry, DesiredOrder } from '../../shared/wire/orders.ts';
import { everything, type Selection } from '../../shared/wire/selection.ts';
import { type Log, reasonOf } from '../log.ts';
import { type CommandParts, runCommand } from './commands.ts';
import { addCounts } from './effect-counts.ts';
import { type HintedId, plausible } from './late-mail.ts';
import type { Ledger, OrderRecord } from './ledger.ts';
import type { Outcome } from './ledger-entry.ts';
import type { Request, Response } from './protocol.ts';
import type { Pass, Standing } from './standing.ts';
import type { Verifier } from './verify.ts';

export type OrderRequest = Extract<Request, { jws: string }>;

export interface OrdersParts extends CommandParts {
  readonly ledger: Ledger;
  readonly verifier: Verifier;
  readonly standing: Standing;
  readonly log: Log;
  /** A final answer; it is repeated until it is acknowledged. */
  readonly answer: (response: Response) => void;
}

/** Candidate IDs kept while pieces of a generation are still missing. */
const maxCandidates = 100_000;

/**
 * From a signed order to its final answer. One account's commands run strictly in sequence, different accounts side by
 * side, the desired state by itself; all are journaled the moment they come, so a long purge keeps nothing waiting.
 */
export class Orders {
  readonly #parts: OrdersParts;
  readonly #lanes = new Map<string, Promise<void>>();
  #ready: Promise<void> = Promise.resolve();
  #candidates: HintedId[] = [];
  #isClosed = false;

  constructor(parts: OrdersParts) {
    this.#parts = parts;
  }

  /** Takes up what a kill or a restart interrupted, and makes the desired state true again. */
  resume(): void {
    const { ledger, effects, log } = this.#parts;
    this.#ready = effects.settleInterrupted().catch((error: unknown) => {
      log.error({ reason: reasonOf(error) }, 'an interrupted batch could not be settled; a sweep will');
    });
    this.#inLane('desired', () => this.#applyDesired());
    for (const record of ledger.unfinished()) if (record.order.kind === 'command') this.#startCommand(record, []);
  }

  /** The immediate answer: journaled, busy, refused, expired, or the known one. */
  receive(request: OrderRequest): Response {
    const { ledger, verifier, log } = this.#parts;
    const { id } = request;
    const verdict = verifier.judge(request.jws);
    if (verdict.verdict === 'refuse') {
      log.warn({ id, reason: verdict.reason }, 'order refused');
      return { id, state: verdict.state, reason: verdict.reason };
    }
    if (verdict.verdict === 'known') {
      verdict.record.id = id;
      return verdict.record.outcome === undefined ? { id, state: 'journaled' } : { id, ...verdict.record.outcome };
    }
    let record: OrderRecord;
    try {
      record = ledger.accept(id, verdict.order, verdict.hash, request.candidateSessions ?? []);
    } catch (error) {
      // What is in force stays in force; the queue keeps the order, and it comes again.
      log.error({ id, reason: reasonOf(error) }, 'order not journaled');
      return { id, state: 'busy', reason: `cannot be journaled: ${reasonOf(error)}` };
    }
    const candidates = plausible(this.#parts.postfix, request.candidateIds ?? []);
    if (verdict.order.kind === 'command') this.#startCommand(record, candidates);
    else this.#startDesired(verdict.order, candidates);
    return { id, state: 'journaled' };
  }

  /** Waits for what is running; what has not begun stays in the journal. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#lanes.values());
  }

  #startCommand(record: OrderRecord, candidates: readonly HintedId[]): void {
    const { order } = record;
    if (order.kind !== 'command') return;
    const { ledger, standing } = this.#parts;
    this.#inLane(`account:${order.account ?? ''}`, async () => {
      const doneBefore = record.counts;
      const isInTime = () => !this.#isClosed && order.notAfter >= ledger.clock.now();
      const hasBegun = Object.keys(doneBefore).length > 0;
      const isReady = (generation: number) =>
        order.act === 'purge' ? standing.swept(generation, isInTime) : standing.reached(generation, isInTime);
      // What a kill interrupted goes on to its end, whatever the time.
      if (!hasBegun && !(isInTime() && (await isReady(order.requiresGeneration)))) {
        const reason = `expired: its turn or generation ${order.requiresGeneration} did not come in time`;
        if (!this.#isClosed) this.#end(record, { state: 'expired', reason, counts: {}, proofs: [] });
        return;
      }
      const course = {
        isClosing: () => this.#isClosed,
        laterReleases: () => (order.act === 'release' ? [] : laterReleases(ledger, order)),
        doneBefore,
      };
      const hints = { ids: candidates, sessions: record.sessions };
      const outcome = await runCommand(order, hints, course, this.#parts).catch(
        (error: unknown): Outcome => ({
          state: 'failed',
          reason: reasonOf(error).slice(0, 2000),
          counts: {},
          proofs: [],
        }),
      );
      // Stopped for a shutdown: it is taken up again at the next start.
      if (this.#isClosed && outcome.state === 'failed') return;
      this.#end(record, { ...outcome, counts: { ...outcome.counts, ...doneSoFar(record, outcome) } });
    });
  }

  #startDesired(order: DesiredOrder, candidates: readonly HintedId[]): void {
    this.#candidates = [...this.#candidates, ...candidates].slice(-maxCandidates);
    if (this.#parts.ledger.inForce[0]?.generation !== order.generation) return;
    this.#inLane('desired', () => this.#applyDesired());
  }

  async #applyDesired(): Promise<void> {
    const { ledger, standing } = this.#parts;
    const candidates = this.#candidates;
    this.#candidates = [];
    const generation = ledger.inForce[0]?.generation ?? 0;
    let pass: Pass | undefined;
    let fault: string | undefined;
    try {
      pass = await standing.apply(candidates);
      fault = standing.faults[0];
    } catch (error) {
      fault = reasonOf(error);
    }
    for (const record of ledger.unfinished()) {
      const { order } = record;
      if (order.kind !== 'desired' || order.generation > generation) continue;
      this.#end(record, desiredOutcome(order, generation, standing, pass, fault, ledger.clock.now()));
    }
  }

  #end(record: OrderRecord, outcome: Outcome): void {
    this.#parts.ledger.end(record.order.jti, outcome);
    const { kind, jti } = record.order;
    const what = record.order.kind === 'command' ? { act: record.order.act, account: record.order.account } : { kind };
    const { state, reason, counts } = outcome;
    this.#parts.log.info({ jti, ...what, state, reason, counts }, 'order answered');
    this.#parts.answer({ id: record.id, ...outcome });
  }

  #inLane(name: string, work: () => Promise<void>): void {
    const before = this.#lanes.get(name) ?? this.#ready;
    const run: Promise<void> = before
      .then(() => (this.#isClosed ? undefined : work()))
      .catch((error: unknown) => this.#parts.log.error({ lane: name, reason: reasonOf(error) }, 'order not finished'))
      .then(() => {
        if (this.#lanes.get(name) === run) this.#lanes.delete(name);
      });
    this.#lanes.set(name, run);
  }
}

/** What releases of the same account that wait behind a command are going to let go. */
function laterReleases(ledger: Ledger, { account, number }: CommandOrder): Selection[] {
  return ledger.unfinished().flatMap(({ order }) => {
    const isLater = order.kind === 'command' && order.act === 'release' && order.number > number;
    return isLater && order.account === account ? [order.selection ?? everything] : [];
  });
}

function desiredOutcome(
  order: DesiredOrder,
  generation: number,
  standing: Standing,
  pass: Pass | undefined,
  fault: string | undefined,
  nowMillis: number,
): Outcome {
  if (order.generation < generation) {
    return { state: 'expired', reason: `superseded by generation ${generation}`, counts: {}, proofs: [] };
  }
  const proofs = pass === undefined ? [] : order.entries.map((entry) => proofOf(entry, standing, pass, nowMillis));
  const counts = pass?.counts ?? {};
  if (fault === undefined) return { state: 'done', counts, proofs };
  return { state: 'failed', reason: fault.slice(0, 2000), counts, proofs };
}

function proofOf(entry: DesiredEntry, standing: Standing, pass: Pass, nowMillis: number): Proof {
  const inForce = standing.inForce.entries.get(entry.account);
  if (inForce !== undefined) return standing.proof(inForce, pass.seen);
  const note = entry.until <= nowMillis ? 'its end has passed' : 'protected on this relay';
  return { account: entry.account, what: entry.mode, verified: false, held: 0, outsideHold: 0, note };
}

/** Counts of the whole order: what the ledger added up batch by batch, also before a restart. */
function doneSoFar(record: OrderRecord, outcome: Outcome): Outcome['counts'] {
  const { held, released, purged, mismatched } = record.counts;
  const ledgered = { held, released, purged, mismatched };
  const defined = Object.fromEntries(Object.entries(ledgered).filter(([, value]) => value !== undefined));
  return outcome.state === 'done' || outcome.state === 'failed' ? addCounts({}, defined) : {};
}
