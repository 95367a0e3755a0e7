import { canonicalAccount } from '../shared/account/account.ts';
import type { Part } from '../shared/correlate/facts.ts';
import { messagesOf } from '../shared/correlate/lives.ts';
import type { Message } from '../shared/correlate/message.ts';
import { advance, type Containment, type Finding } from '../shared/decide/finding.ts';
import { judge, type Rule } from '../shared/decide/rules.ts';
import { recipientsOf, type Signal, type Window, windowMicros, within } from '../shared/detect/window.ts';
import { type AccountFinding, findingId } from '../shared/store/findings.ts';
import { type Deps, nudge } from './deps.ts';
import { clockOffsets } from './relay-clock.ts';

export interface Suspect {
  readonly account: string;
  readonly logins: readonly string[];
  /**
   * Relays whose parts to read, each with the log times (µs, its own clock) at which to look: when the account's
   * messages of this batch were accepted there.
   */
  readonly seen: ReadonlyMap<string, readonly number[]>;
  /** Hub time (ms) of the batch; parts sent around it are read. */
  readonly sentAt: number;
  readonly containment: Containment | undefined;
  /** From the sweep: the time up to which it has just read all relays' parts, and their clocks as it knows them. */
  readonly sweep?: { readonly now: number; readonly offsets: ReadonlyMap<string, number> };
}

/** Input older than this may open a finding, but contains nothing: the burst is over, a person decides. */
const tooOldToContainMicros = 4 * 3600 * 1_000_000;
/** Queues and clocks: how much wider than the window the parts are read. */
export const slackMs = 2 * 60_000;
/** For what got past a containment nothing is counted: its lines need to be seen together, no more (I10). */
const escapeMs = 60_000;

/**
 * Recounts an account exactly from parts, asks the rules, and saves what follows.
 * @returns true where something changed
 */
export async function judgeAccount(deps: Deps, suspect: Suspect): Promise<boolean> {
  const current = await deps.findings.ofAccount(suspect.account);
  // A finding in force is joined only by what got past its containment.
  if (current.open !== undefined && suspect.containment === undefined) return false;
  const offsets = suspect.sweep?.offsets ?? (await clockOffsets(deps, suspect.seen.keys()));
  const window = await windowOf(deps, suspect, current.endedAt, offsets);
  const times = [...suspect.seen].flatMap(([relay, seen]) => seen.map((at) => at - (offsets.get(relay) ?? 0)));
  for (const nowMicros of checkpoints(times)) {
    const verdict = judge(window, deps.rules, nowMicros);
    if (verdict === undefined) continue;
    const escaped = verdict.signals.some((signal) => signal.detection === 'afterContainment');
    if (current.open !== undefined && !escaped) return false;
    const saved =
      current.open === undefined
        ? await openFinding(deps, suspect, current, window, verdict, nowMicros)
        : await reopen(
            deps,
            suspect,
            current.open.value,
            current.open.version,
            current.accountVersion,
            verdict.signals,
          );
    // Somebody else was quicker: the finding is there, which is all that matters.
    if (saved) await nudge(deps);
    return saved;
  }
  return false;
}

/** The end of each minute in which something was accepted, so that a late batch is judged as it happened. */
function checkpoints(times: readonly number[]): number[] {
  const minute = 60_000_000;
  const newest = Math.max(...times);
  const ends = new Set(times.map((at) => Math.min(newest, (Math.floor(at / minute) + 1) * minute)));
  return [...ends].sort((a, b) => a - b);
}

/** The account's messages on the hub's clock. */
async function windowOf(
  deps: Deps,
  suspect: Suspect,
  endedAt: number | undefined,
  offsets: ReadonlyMap<string, number>,
): Promise<Window> {
  const { sentAt, sweep } = suspect;
  const spanMs = suspect.containment === undefined ? windowMicros / 1000 : escapeMs;
  const to = sweep?.now ?? Math.min(Math.max(sentAt, deps.nowMs()), sentAt + slackMs);
  const parts: Part[] = [];
  for (const relay of suspect.seen.keys()) {
    for (const { part } of await deps.parts.between(
      relay,
      sentAt - spanMs - slackMs,
      to,
      sweep === undefined ? 'new' : 'none',
    ))
      parts.push(part);
  }
  const messages = messagesOf(parts)
    .filter((message) => isOf(deps, suspect.account, message))
    .map((message) => ({
      ...message,
      acceptedAtMicros: message.acceptedAtMicros - (offsets.get(message.relay) ?? 0),
    }))
    .filter((message) => endedAt === undefined || message.acceptedAtMicros > endedAt * 1000)
    .sort((a, b) => a.acceptedAtMicros - b.acceptedAtMicros);
  return { account: suspect.account, messages, containedSinceMicros: await containedSince(deps, suspect, offsets) };
}

function isOf(deps: Deps, account: string, message: Message): boolean {
  return message.login !== undefined && canonicalAccount(message.login, deps.accountRule) === account;
}

async function containedSince(
  deps: Deps,
  suspect: Suspect,
  offsets: ReadonlyMap<string, number>,
): Promise<Map<string, number>> {
  const findingId = suspect.containment?.findingId;
  if (findingId === undefined) return new Map();
  const states = (await deps.relays.accountOnRelays(suspect.account)).filter((state) => state.findingId === findingId);
  return new Map(
    states.flatMap(({ relay, since }) =>
      since === undefined ? [] : [[relay, since * 1000 - (offsets.get(relay) ?? 0)]],
    ),
  );
}

async function openFinding(
  deps: Deps,
  { account, logins }: Suspect,
  current: AccountFinding,
  window: Window,
  { rule, signals }: { rule: Rule; signals: readonly Signal[] },
  nowMicros: number,
): Promise<boolean> {
  const now = deps.nowMs();
  const counted = within(window, 10, nowMicros);
  const evidence = signals.map((signal) => signal.evidence);
  const detail = `${rule.title}: ${evidence.join('; ')}`;
  const caution = await reasonNotToContain(deps, rule, now, nowMicros);
  const response = caution === undefined ? rule.response : 'notify';
  const opening = caution === undefined ? detail : `${detail}; not contained: ${caution}`;
  const finding: Finding = {
    id: findingId(now, deps.newId()),
    account,
    state: 'open',
    severity: rule.severity,
    rule: rule.id,
    response,
    openedAt: now,
    messagesBeforeOpen: counted.length,
    recipientsBeforeOpen: recipientsOf(counted),
    evidence,
    logins: [...new Set([...logins, ...window.messages.flatMap(({ login }) => login ?? [])])].slice(0, 100),
    relays: [...new Set(window.messages.map((message) => message.relay))],
    history: [{ at: now, actor: 'hub', what: 'opened', detail: opening }],
  };
  const containment: Containment | undefined = isContaining(response)
    ? {
        account,
        mode: response,
        findingId: finding.id,
        reason: detail.slice(0, 1000),
        actor: 'hub',
        since: now,
        until: now + rule.durationHours * 3_600_000,
        logins: finding.logins,
        released: [],
      }
    : undefined;
  const saved = await deps.findings.save({
    finding,
    version: 0,
    accountVersion: current.accountVersion,
    ...(containment !== undefined && { containment }),
    outbox: containment !== undefined ? containOrders(account, finding.id) : [],
    audit: { at: now, actor: 'hub', what: 'opened', subject: finding.id, detail: `${account}: ${response}` },
    id: deps.newId(),
  });
  const fields = { account, finding: finding.id, rule: rule.id, response, messages: counted.length };
  if (saved) {
    deps.log.warn(fields, opening);
    deps.count('findingsOpened');
  }
  return saved;
}

/** Why a rule's containment is left to a person this time; undefined where nothing stands against it. */
async function reasonNotToContain(deps: Deps, rule: Rule, now: number, nowMicros: number): Promise<string | undefined> {
  if (!isContaining(rule.response)) return undefined;
  if (nowMicros < now * 1000 - tooOldToContainMicros) return 'the mail is hours old';
  const hourAgo = now - 3_600_000;
  const recent = (await deps.findings.containments()).filter(({ since, actor }) => actor === 'hub' && since > hourAgo);
  if (recent.length < deps.maxContainmentsPerHour) return undefined;
  // Either very many accounts are stolen or a rule is wrong: both want a person.
  deps.count('containmentsBraked');
  deps.log.error({ rule: rule.id, limit: deps.maxContainmentsPerHour }, 'the containment brake is on');
  return `${recent.length} accounts were contained within the hour, the limit is ${deps.maxContainmentsPerHour}`;
}

function isContaining(response: Rule['response']): response is 'quarantine' | 'block' {
  return response === 'quarantine' || response === 'block';
}

/** New mail got past the containment: the same steps once more, and loudly. */
function reopen(
  deps: Deps,
  { account }: Suspect,
  finding: Finding,
  version: number,
  accountVersion: number,
  signals: readonly Signal[],
): Promise<boolean> {
  const now = deps.nowMs();
  const detail = signals.find((signal) => signal.detection === 'afterContainment')?.evidence ?? '';
  const last = finding.history.findLast((entry) => entry.what === 'escaped');
  // One repetition a half-minute is enough: the relay needs time to act on the last one.
  if (last !== undefined && now - last.at < 30_000) return Promise.resolve(false);
  deps.log.error({ account, finding: finding.id }, `containment leaks: ${detail}`);
  return deps.findings.save({
    finding: advance(finding, { at: now, actor: 'hub', what: 'escaped', detail }),
    version,
    accountVersion,
    outbox: containOrders(account, finding.id),
    audit: { at: now, actor: 'hub', what: 'escaped', subject: finding.id, detail },
    id: deps.newId(),
  });
}

/** What makes a containment real on the relays: the desired state holds, the kick ends what is connected. */
function containOrders(account: string, findingId: string) {
  return [{ kind: 'desired' }, { kind: 'command', act: 'kick', account, findingId, actor: 'hub' }] as const;
}
