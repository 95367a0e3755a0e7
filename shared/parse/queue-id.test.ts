import { expect, test } from 'vitest';
import { endOfQueueId, isQueueId, longIdMicros } from './queue-id.ts';

test.each([
  ['4jYdtJ6mvqzJ9Gp', '2026-11-24T10:13:12Z', 954_295],
  ['4jYgNl4TtXzJ9C7', '2026-11-24T11:21:11Z', 632_452],
])('the long ID %s says when it was made', (queueId, second, within) => {
  expect(longIdMicros(queueId)).toBe(Date.parse(second) * 1000 + within);
});

test.each(['784DF2143DA', '0053E2143D8', 'DECADE', '12345E678', 'ABCDEF0123456789', '4jYf0q0FkCzJQ6d'])(
  '%s is a queue ID',
  (text) => {
    expect(isQueueId(text)).toBe(true);
  },
);

test.each([
  '',
  'ABCDE',
  'NOQUEUE',
  'warning',
  'connect',
  'Requeued',
  '-r',
  'ALL',
  '../maildrop/x',
  '4jYf0q0FkCzJQ6d\n',
  '4jYf0q0FkCz',
  'zzzzzzzzzzzzzzzzz',
  // Microseconds beyond a second; a vowel; too long.
  '4jYf0qzzzzzJQ6d',
  '4jYa0q0FkCzJQ6d',
  '0123456789ABCDEF0123456',
  '4jYf0q0FkCz0123456789BCDFGHJ',
  '７84DF2143DA',
])('%j is none', (text) => {
  expect(isQueueId(text)).toBe(false);
  expect(longIdMicros(text)).toBeUndefined();
});

test('a short ID says no time, also where it reads as a number', () => {
  expect(longIdMicros('12345E678')).toBeUndefined();
  expect(longIdMicros('784DF2143DA')).toBeUndefined();
});

test('an ID is found where it ends, and not in the beginning of a word', () => {
  expect(endOfQueueId('x 784DF2143DA: removed', 2)).toBe(13);
  expect(endOfQueueId('DECADEs: removed', 0)).toBe(-1);
});
