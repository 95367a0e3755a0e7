import { expect, test } from 'vitest';
import { longQueueId, shortQueueId } from './queue-id.ts';

test('IDs are those that Postfix made of the same time and inode', () => {
  // From a maillog: 4jZ2NB4xnnz1SGpQ, accepted in second 1795570618.
  expect(longQueueId(1_795_570_618_000_000, 0)).toBe('4jZ2NB0000z');
  const digits = '0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz';
  const value = (text: string, base: number) => [...text].reduce((sum, each) => sum * base + digits.indexOf(each), 0);
  const micros = value('4xnn', 52);
  expect(longQueueId(1_795_570_618_000_000 + micros, value('1SGpQ', 51))).toBe('4jZ2NB4xnnz1SGpQ');
  expect(shortQueueId(1_795_570_618_000_000 + 0x25d1e, 0x2143cb)).toBe('25D1E2143CB');
  expect(shortQueueId(1_795_570_618_000_007, 0x2143cb)).toBe('000072143CB');
});
