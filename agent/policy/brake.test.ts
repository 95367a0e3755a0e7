import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Brake, type BrakeOptions, type Limit } from './brake.ts';

const minute = 60_000;
const start = 1_800_000_000_000;

function brakeOf(limits: readonly Limit[], options: Partial<BrakeOptions> = {}): Brake {
  return new Brake({ limits, countsOver: true, learnMs: 0, ...options });
}

/** At RCPT before the first is accepted, or where no RCPT was seen. */
const from = (account: string, transaction: string, { times = 1, isBegin = true } = {}) => ({
  ...{ account, transaction, times, isBegin },
});

it('never lets more than the limit out of any window, and holds nothing that a window a twentieth longer would allow', () => {
  const submission = fc.record({
    pauseMs: fc.oneof(fc.nat(2_000), fc.nat(3 * minute)),
    account: fc.constantFrom('a', 'b'),
    recipients: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(
      fc.array(submission, { maxLength: 120 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
      (submissions, limit, minutes, countsOver) => {
        const brake = brakeOf([{ kind: 'recipients', limit, minutes }], { countsOver });
        const counted: { atMs: number; account: string; recipients: number }[] = [];
        let nowMs = start;
        for (const [index, { pauseMs, account, recipients }] of submissions.entries()) {
          nowMs += pauseMs;
          const within = (spanMs: number) =>
            counted
              .filter((each) => each.account === account && each.atMs > nowMs - spanMs)
              .reduce((sum, each) => sum + each.recipients, recipients);
          const over = brake.message(nowMs, from(account, `t${index}`), recipients);
          if (over === undefined) expect(within(minutes * minute)).toBeLessThanOrEqual(limit);
          else expect(within(minutes * minute * 1.05)).toBeGreaterThan(limit);
          if (over === undefined || countsOver) counted.push({ atMs: nowMs, account, recipients });
        }
      },
    ),
  );
});

it('counts a recipient of a message once, however often and in whatever order its RCPTs come', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { minLength: 1, maxLength: 60 }), (recipients) => {
      const brake = brakeOf([{ kind: 'recipients', limit: 10, minutes: 60 }]);
      for (const each of recipients) expect(brake.recipient(start, from('a', 't1'), each)).toBeUndefined();
      const accepted = new Set(recipients).size;
      expect(brake.message(start, from('a', 't1'), recipients.length)).toBeUndefined();
      expect(brake.message(start, from('a', 't2'), 10 - accepted)).toBeUndefined();
      expect(brake.message(start, from('a', 't3'), 1)).toBeDefined();
    }),
  );
});

it('believes Postfix’s count where it has not seen the message from its beginning', () => {
  const brake = brakeOf([{ kind: 'recipients', limit: 10, minutes: 60 }]);
  brake.recipient(start, from('a', 't1', { isBegin: false }), 1);
  expect(brake.message(start, from('a', 't1'), 11)).toBeDefined();
  brake.recipient(start, from('b', 't1'), 1);
  for (let n = 0; n < 2_000; n++) brake.recipient(start, from('c', `flood${n}`), 1);
  brake.recipient(start, from('b', 't1', { isBegin: false }), 2);
  expect(brake.message(start, from('b', 't1'), 11)).toBeDefined();
});

it('lets exactly the limit out however its messages interleave', () => {
  const brake = brakeOf([{ kind: 'messages', limit: 10, minutes: 60 }]);
  for (let n = 0; n < 50; n++) brake.recipient(start, from('a', `t${n}`), n);
  const passed = Array.from({ length: 50 }, (_, n) => brake.message(start + n, from('a', `t${n}`), 1));
  expect(passed.filter((over) => over === undefined)).toHaveLength(10);
});

it('does not count what Postfix refused after us, nor a transaction that ends in RSET', () => {
  const brake = brakeOf([{ kind: 'recipients', limit: 5, minutes: 60 }]);
  for (let n = 0; n < 5; n++) brake.recipient(start, from('a', 't1'), n);
  expect(brake.message(start, from('a', 't1'), 1)).toBeUndefined();
  for (let n = 0; n < 4; n++) brake.recipient(start, from('a', 't2'), n);
  for (let n = 0; n < 4; n++) expect(brake.recipient(start, from('a', 't3'), n)).toBeUndefined();
  expect(brake.recipient(start, from('a', 't3'), 4)).toMatchObject({ limit: { kind: 'recipients' } });
});

it('who goes on sending stays held until he pauses; who was refused may try again', () => {
  const limits = [{ kind: 'messages', limit: 2, minutes: 10 }] as const;
  const held = brakeOf(limits);
  const refused = brakeOf(limits, { countsOver: false });
  const answers = (brake: Brake) =>
    Array.from({ length: 30 }, (_, n) => brake.message(start + n * minute, from('a', `t${n}`), 1) === undefined);
  expect(answers(held).filter(Boolean)).toHaveLength(2);
  expect(answers(refused).filter(Boolean).length).toBeGreaterThan(4);
  expect(held.message(start + 41 * minute, from('a', 'later'), 1)).toBeUndefined();
});

it('a recipient refused at RCPT is none of the message', () => {
  const brake = brakeOf([{ kind: 'recipients', limit: 3, minutes: 60 }], { countsOver: false });
  const answers = [1, 2, 3, 4, 5, 4].map((each) => brake.recipient(start, from('a', 't'), each) === undefined);
  expect(answers).toEqual([true, true, true, false, false, false]);
  expect(brake.recipient(start, from('a', 't'), 3)).toBeUndefined();
  expect(brake.message(start, from('a', 't'), 3)).toBeUndefined();
});

it('limits recipients never written to before, once it has learned whom an account writes to', () => {
  const brake = brakeOf([{ kind: 'firstTimeRecipients', limit: 3, minutes: 60 }], { learnMs: 1_440 * minute });
  const send = (nowMs: number, recipient: number) => {
    const mail = from('a', `t${nowMs}-${recipient}`);
    return brake.recipient(nowMs, mail, recipient) ?? brake.message(nowMs, mail, 1);
  };
  for (let n = 0; n < 100; n++) expect(send(start, n)).toBeUndefined();
  const nextDay = start + 1_500 * minute;
  for (let n = 0; n < 100; n++) expect(send(nextDay, n)).toBeUndefined();
  for (let n = 100; n < 103; n++) expect(send(nextDay, n)).toBeUndefined();
  expect(send(nextDay, 103)).toMatchObject({ limit: { kind: 'firstTimeRecipients' } });
  expect(send(nextDay, 102)).toBeUndefined();
  const again = brakeOf([{ kind: 'firstTimeRecipients', limit: 3, minutes: 60 }], { learnMs: 1_440 * minute });
  for (const each of brake.remembered()) again.remember(each);
  again.recipient(nextDay, from('a', 'new'), 102);
  expect(again.message(nextDay, from('a', 'new'), 1)).toBeUndefined();
  expect([...again.remembered()]).toEqual([...brake.remembered()]);
});

it('tells of an account once per window, not for each mail', () => {
  const brake = brakeOf([{ kind: 'messages', limit: 1, minutes: 10 }]);
  const news = Array.from({ length: 30 }, (_, n) => brake.message(start + n * minute, from('a', `t${n}`), 1)?.isNews);
  expect(news.filter((each) => each === true)).toHaveLength(3);
});

it('an exemption raises the limits, and another account is not touched by any of it', () => {
  const brake = brakeOf([{ kind: 'messages', limit: 2, minutes: 10 }]);
  for (let n = 0; n < 20; n++) expect(brake.message(start, from('list', `t${n}`, { times: 10 }), 1)).toBeUndefined();
  expect(brake.message(start, from('list', 't', { times: 10 }), 1)).toBeDefined();
  expect(brake.message(start, from('other', 'u'), 1)).toBeUndefined();
});

it('forgets the account used longest ago beyond its bound, and remembers no more recipients than it may', () => {
  const brake = brakeOf([{ kind: 'messages', limit: 1, minutes: 60 }], { maxAccounts: 100 });
  for (let n = 0; n < 1_000; n++) brake.message(start, from(`a${n}`, 't'), 1);
  expect(brake.accounts).toBe(100);
  expect(brake.message(start, from('a999', 't'), 1)).toBeDefined();
  expect(brake.message(start, from('a0', 't'), 1)).toBeUndefined();
  const greedy = brakeOf([]);
  for (let n = 0; n < 5_000; n++) {
    greedy.recipient(start, from('a', `t${n}`), n);
    greedy.message(start, from('a', `t${n}`), 1);
  }
  const [known] = greedy.remembered();
  expect([...(known?.recipients ?? [])]).toEqual(Array.from({ length: 512 }, (_, n) => 5_000 - 512 + n));
});

it('a clock that goes back opens no window', () => {
  const brake = brakeOf([{ kind: 'messages', limit: 1, minutes: 10 }]);
  expect(brake.message(start, from('a', 't1'), 1)).toBeUndefined();
  expect(brake.message(start - 60 * minute, from('a', 't2'), 1)).toBeDefined();
});
