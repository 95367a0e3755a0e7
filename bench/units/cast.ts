import { createHash } from 'node:crypto';
import { PartCollector } from '../../shared/correlate/collect.ts';
import type { Part } from '../../shared/correlate/facts.ts';
import type { Containment, Finding } from '../../shared/decide/finding.ts';
import { parseLine } from '../../shared/parse/line.ts';
import type { AuditEntry } from '../../shared/store/findings.ts';
import type { Claimed, OutboxEntry } from '../../shared/store/outbox.ts';
import type { AccountOnRelay, CommandRecord, Registration, RelayStatus } from '../../shared/store/relays.ts';
import type { Proof, SnapshotMessage } from '../../shared/wire/events.ts';
import { Dice } from '../ids/dice.ts';

/** Items of the sizes that the scale of the design makes: drawn, so that they compress no better than real ones. */
export const now = Date.parse('2026-11-25T12:30:00Z');
export const fleet = 1_000;
export const claimed: Claimed[] = [];

const dice = new Dice(1);
const letters = 'abcdefghijklmnopqrstuvwxyz';
const word = (length: number): string => Array.from({ length }, () => letters[dice.below(26)]).join('');
const address = (): string => `${dice.below(223) + 1}.${dice.below(256)}.${dice.below(256)}.${dice.below(256)}`;
const hash = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 11);

export function account(number: number): string {
  return `${word(5)}.${word(7)}${number}@example.org`;
}

/** The part of a pack of so many lines: six a mail, to two recipients, each of another account or all of one login. */
export function part(relay: string, lines: number, login?: string): Part {
  const collector = new PartCollector(relay, hash, 0);
  const context = { zone: 'UTC', nearMicros: now * 1000 };
  for (let mail = 0; mail < lines / 6; mail++) {
    for (const line of linesOfMail(mail, login ?? account(dice.below(1e6)))) collector.add(parseLine(line, context));
  }
  return collector.part();
}

function linesOfMail(mail: number, login: string): string[] {
  const id = `4${dice
    .below(2 ** 31)
    .toString(16)
    .padStart(9, '0')
    .toUpperCase()}`;
  const at = `Nov 25 12:29:${String(mail % 60).padStart(2, '0')} mx1 postfix`;
  const delivery = (): string => {
    const host = `mx.${word(8)}.example[${address()}]:25`;
    const times = `delay=${dice.below(9)}.${dice.below(9)}, delays=0.1/0.01/0.3/0.8`;
    const reply = `250 2.0.0 Ok: queued as ${word(10).toUpperCase()}`;
    return `${at}/smtp[${dice.below(9999)}]: ${id}: to=<${word(9)}@${word(8)}.example>, relay=${host}, ${times}, dsn=2.0.0, status=sent (${reply})`;
  };
  const sender = `${word(6)}@${word(7)}.example`;
  return [
    `${at}/submission/smtpd[${dice.below(9999)}]: ${id}: client=unknown[${address()}], sasl_method=PLAIN, sasl_username=${login}`,
    `${at}/cleanup[${dice.below(9999)}]: ${id}: message-id=<${word(24)}@${word(8)}.example>`,
    `${at}/qmgr[812]: ${id}: from=<${sender}>, size=${dice.below(99_999)}, nrcpt=2 (queue active)`,
    delivery(),
    delivery(),
    `${at}/qmgr[812]: ${id}: removed`,
  ];
}

export function registration(relay: string): Registration {
  return {
    relay,
    senderId: `AROA${word(17).toUpperCase()}`,
    commandQueueUrl: `https://sqs.eu-central-1.amazonaws.com/000000000000/holdfast-production-commands-${relay}.fifo`,
    enrolledAt: now,
    zone: 'Europe/Berlin',
  };
}

const accounts = Array.from({ length: 51 }, (_, number) => account(number));
const accountOf = (number: number): string => accounts[number] ?? account(number);
const id = (number: number): string => `2026-11-25-${String(number).padStart(8, '0')}`;

/** An account's finding, seen on five relays. */
export function finding(number: number, entries = 1): Finding {
  const detail = 'Many senders from one login: 41 messages in 10 minutes under 39 senders, from 12 client networks';
  const entry = {
    at: now,
    actor: 'relay:mx1',
    what: 'contained',
    detail: 'quarantine proven: 41 held, 0 outside',
  } as const;
  return {
    id: id(number),
    account: accountOf(number),
    state: 'open',
    severity: 'critical',
    rule: 'sender-rotation',
    response: 'quarantine',
    openedAt: now,
    messagesBeforeOpen: 41,
    recipientsBeforeOpen: 820,
    evidence: [detail.slice(28)],
    logins: [accountOf(number)],
    relays: ['mx1', 'mx2', 'mx3', 'mx4', 'mx5'],
    history: [{ at: now, actor: 'hub', what: 'opened', detail }, ...Array.from({ length: entries - 1 }, () => entry)],
  };
}

export function containment(number: number): Containment {
  return {
    account: accountOf(number),
    mode: 'quarantine',
    findingId: id(number),
    reason: finding(number).history[0]?.detail ?? '',
    actor: 'hub',
    since: now,
    until: now + 24 * 3_600_000,
    logins: [accountOf(number)],
    released: [],
  };
}

export function containOrders(number: number): OutboxEntry[] {
  const kick = {
    kind: 'command',
    act: 'kick',
    account: accountOf(number),
    findingId: id(number),
    actor: 'hub',
  } as const;
  return [{ kind: 'desired' }, kick];
}

export function audit(what: string): AuditEntry {
  return { at: now - 10_000, actor: 'hub', what, subject: id(1), detail: `${accountOf(1)}: quarantine` };
}

export function status(relay: string): RelayStatus {
  const counts = Object.fromEntries(Array.from({ length: 20 }, () => [word(12), dice.below(1e9)]));
  const instances = ['postfix', 'postfix-out'].map((name) => ({ name, addresses: [address(), address(), address()] }));
  const desired = { generation: now, digest: 'x'.repeat(43) };
  const heartbeat = {
    v: 1,
    kind: 'heartbeat',
    relay,
    at: now,
    zone: 'Europe/Berlin',
    instances,
    desired,
    counts,
  } as const;
  return { heardAt: now, clockOffsetMs: 12, heartbeat };
}

/** Of an instance with so many accounts in its queues. */
export function snapshot(relay: string, size: number): SnapshotMessage {
  const queue = { messages: 1234, bytes: 123_456_789, oldestAt: now };
  const queues = { active: queue, deferred: queue, hold: queue, incoming: queue, maildrop: queue };
  const top = Array.from({ length: size }, (_, number) => ({ login: accountOf(number), messages: 1234, held: 123 }));
  return { v: 1, kind: 'snapshot', relay, instance: 'postfix', at: now, queues, accounts: top };
}

export function command(relay: string): CommandRecord {
  return {
    jti: `${now}-0a1b2c3d`,
    relay,
    account: accountOf(1),
    act: 'kick',
    findingId: id(1),
    number: now,
    sentAt: now,
    actor: 'hub',
    state: 'pending',
    counts: {},
  };
}

export function accountOnRelay(relay: string): AccountOnRelay {
  const proof = (what: Proof['what']): Proof => {
    return { account: accountOf(1), what, verified: true, held: 41, outsideHold: 0, connections: 0 };
  };
  return { relay, findingId: id(1), since: now, at: now, proofs: [proof('quarantine'), proof('kick')] };
}
