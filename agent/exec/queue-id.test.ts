import { expect, test } from 'vitest';
import { hashDirectory, isQueueId, microsWithinSecond } from './queue-id.ts';

test('only what can be a queue ID passes: no option, no path, no line end, not ALL', () => {
  for (const good of ['3F2A1B', '784DF2143DA', '4jYfFZ4Qd8z3wbC', '4jZ2Ly3gV8z1SGpB'])
    expect(isQueueId(good)).toBe(true);
  for (const bad of [
    '',
    '-r',
    '-',
    'ALL',
    'ALL\n',
    '../x',
    '../../etc/passwd',
    'AAAAAA\nALL',
    'AAAAAA\0',
    'AAAAAA ',
    'Ä'.repeat(8),
    'A'.repeat(33),
  ]) {
    expect(isQueueId(bad), JSON.stringify(bad)).toBe(false);
  }
});

test('a long ID’s microseconds and subdirectory are those that Postfix 3.7 made', () => {
  // deferred/9/4jYfFZ4Qd8z3wbC, deferred/7/4jZ2Ly3gV8z1SGpB, deferred/D/4jZ2MT6Gbpz1SGPh
  expect(microsWithinSecond('4jYfFZ4Qd8z3wbC')).toBe(623_644);
  expect(microsWithinSecond('4jZ2Ly3gV8z1SGpB')).toBe(517_824);
  expect(hashDirectory('4jYfFZ4Qd8z3wbC', 1)).toBe('9/');
  expect(hashDirectory('4jZ2Ly3gV8z1SGpB', 1)).toBe('7/');
  expect(hashDirectory('4jZ2MT6Gbpz1SGPh', 1)).toBe('D/');
  expect(hashDirectory('4jYfFZ4Qd8z3wbC', 3)).toBe('9/8/4/');
});

test('a short ID begins with its microseconds, and hashes by its own digits', () => {
  expect(microsWithinSecond('784DF2143DA')).toBe(0x784df);
  expect(hashDirectory('784DF2143DA', 2)).toBe('7/8/');
  expect(microsWithinSecond('FFFFF2143DA')).toBeUndefined();
});
