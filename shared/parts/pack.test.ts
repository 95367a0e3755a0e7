import fc from 'fast-check';
import { expect, test } from 'vitest';
import { part } from '../correlate/arbitrary.ts';
import { packPart, unpackPart } from './pack.ts';

test('a part comes back from its packed form as it was', () => {
  fc.assert(
    fc.property(part, (given) => {
      expect(unpackPart(packPart(given))).toEqual(given);
    }),
  );
});
