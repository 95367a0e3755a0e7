import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Message } from '../correlate/message.ts';
import type { Window } from '../detect/window.ts';
import { advance, type Finding, findingState, IllegalMoveError } from './finding.ts';
import { judge, loadRules, parseRule } from './rules.ts';

const rules = loadRules(join(import.meta.dirname, '../../rules'));
const minute = 60_000_000;
const now = 1_795_000_000_000_000;

/** An account that accepted one message at each of the minutes, each under the sender given. */
function windowOf(minutes: readonly number[], sender: (index: number) => string = () => 'me@x.test'): Window {
  const messages = minutes.map(
    (at, index): Message => ({
      relay: 'mx1',
      instance: 'postfix',
      queueId: `Q${index}`,
      acceptedAtMicros: now + at * minute,
      queuedAtMicros: now + at * minute,
      login: 'a',
      sender: sender(index),
      recipients: 1,
      notice: false,
      isHeld: false,
      discarded: false,
      refused: false,
      lost: false,
      outcomes: [],
    }),
  );
  return { account: 'a', messages, containedSinceMicros: new Map() };
}

const times = (count: number, at: number): number[] => Array.from({ length: count }, () => at);

test('a burst of a hundred messages in ten minutes is a volume burst', () => {
  expect(judge(windowOf(times(100, -3)), rules, now)?.rule.id).toBe('volume-burst');
});

test('ninety-nine messages, or a hundred spread over more than ten minutes, are none', () => {
  expect(judge(windowOf(times(99, -3)), rules, now)).toBeUndefined();
  expect(judge(windowOf([...times(50, -3), ...times(50, -12)]), rules, now)).toBeUndefined();
});

test('twenty messages evenly under eight senders are a rotation', () => {
  expect(
    judge(
      windowOf(times(24, -1), (index) => `s${index % 8}@x.test`),
      rules,
      now,
    )?.rule.id,
  ).toBe('sender-rotation');
});

test('a person with a few aliases, or one who mostly uses one sender, is none', () => {
  expect(
    judge(
      windowOf(times(60, -1), (index) => `s${index % 4}@x.test`),
      rules,
      now,
    ),
  ).toBeUndefined();
  expect(
    judge(
      windowOf(times(60, -1), (index) => (index < 50 ? 'me@x.test' : `s${index}@x.test`)),
      rules,
      now,
    ),
  ).toBeUndefined();
});

test('client= lines without a message count for nothing', () => {
  const window = windowOf(times(200, -1));
  const without = window.messages.map(({ queuedAtMicros: _, ...message }) => message);
  expect(judge({ ...window, messages: without }, rules, now)).toBeUndefined();
});

test('mail that reached the active queue after the containment is seen, what was in DATA is not', () => {
  const contained = (sinceMinutes: number): Window => ({
    ...windowOf([-1]),
    containedSinceMicros: new Map([['mx1', now + sinceMinutes * minute]]),
  });
  expect(judge(contained(-2), rules, now)?.rule.id).toBe('activity-after-containment');
  expect(judge(contained(-1), rules, now)).toBeUndefined();
});

test('a rule that misspells a value is refused with file, line and name', () => {
  const text = 'id: x\ntitle: t\nseverity: low\nwhen: volume.messages11m > 3\nresponse: observe\ndurationHours: 1\n';
  expect(() => parseRule(text, 'rules/x.yaml')).toThrow(/rules\/x.yaml:4: when: No such key: messages11m/);
});

test('a rule cannot run a regular expression', () => {
  const text = `id: x\ntitle: t\nseverity: low\nwhen: "'aa'.matches('(a+)+$')"\nresponse: observe\ndurationHours: 1\n`;
  expect(() => parseRule(text, 'x.yaml')).toThrow(/matches\(\) is not available/);
});

const open: Finding = {
  id: '2026-11-25-abc',
  account: 'a',
  state: 'open',
  severity: 'high',
  rule: 'volume-burst',
  response: 'quarantine',
  openedAt: 0,
  messagesBeforeOpen: 1,
  recipientsBeforeOpen: 1,
  evidence: [],
  logins: [],
  relays: [],
  history: [{ at: 0, actor: 'hub', what: 'opened', detail: '' }],
};

test('an undone or closed finding cannot be approved', () => {
  const undone = advance(open, { at: 1, actor: 'eve', what: 'undone', detail: '' });
  expect(undone.state).toBe('undone');
  expect(() => advance(undone, { at: 2, actor: 'eve', what: 'approved', detail: '' })).toThrow(IllegalMoveError);
});

test('whatever happens, a finding keeps its opening, stays bounded, and never leaves its end', () => {
  const what = fc.constantFrom('signal', 'contained', 'approved', 'undone', 'escaped', 'ended', 'purged', 'released');
  fc.assert(
    fc.property(fc.array(what, { maxLength: 300 }), (moves) => {
      let finding = open;
      for (const [at, move] of moves.entries()) {
        const before = finding.state;
        try {
          finding = advance(finding, { at, actor: 'x', what: move as 'signal', detail: '' });
        } catch (error) {
          expect(error).toBeInstanceOf(IllegalMoveError);
        }
        if (before === 'undone' || before === 'closed') expect(finding.state).toBe(before);
        expect(findingState.options).toContain(finding.state);
      }
      expect(finding.history[0]?.what).toBe('opened');
      expect(finding.history.length).toBeLessThanOrEqual(200);
    }),
  );
});
