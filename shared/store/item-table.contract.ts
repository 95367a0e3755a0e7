import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ItemKeyError } from './item-limits.ts';
import {
  type Item,
  type ItemTable,
  ItemTooLargeError,
  type Json,
  maxItemBytes,
  maxTransactionWrites,
  type Range,
  type Write,
} from './item-table.ts';

/** What every adapter of the item table must show. Asks nothing that DynamoDB cannot do. */
export function itemTableContract(
  name: string,
  makeTable: () => Promise<{ table: ItemTable; close: () => Promise<void> }>,
): void {
  describe(`${name}: the item table's contract`, () => {
    let table: ItemTable;
    let close: () => Promise<void>;
    beforeEach(async () => {
      ({ table, close } = await makeTable());
    });
    afterEach(() => close());

    describe('one item', () => {
      it('reads as absent where nothing was put', async () => {
        expect(await table.get('p', 's')).toBeUndefined();
      });

      it.each<[string, Json]>([
        ['an object', { a: 1, b: [true, null, { c: '' }], ключ: 'ünïcode 😀', deep: [[[[]]]] }],
        ['a text', ''],
        ['null', null],
        ['numbers', [0, -1, 0.1, 1e300, Number.MAX_SAFE_INTEGER, 1764032128123]],
        ['text that is no line', 'a\0b\r\n"\\\u2028\ud800'],
      ])('gives JSON back as it was put: %s', async (_, body) => {
        const item: Item = { pk: 'p', sk: 's', body, version: 3, expiresAtSeconds: later() };
        expect(await table.put(item)).toBe(true);
        expect(await table.get('p', 's')).toEqual(item);
      });

      it('gives bytes back as they were put', async () => {
        const all = Uint8Array.from({ length: 256 }, (_, index) => index);
        for (const body of [all, new Uint8Array(0)]) {
          await table.put({ pk: 'p', sk: 's', body });
          const read = await table.get('p', 's');
          expect(read?.body).toBeInstanceOf(Uint8Array);
          expect(bytesOf(read)).toEqual([...body]);
        }
      });

      it('keeps nothing of the item that it overwrites', async () => {
        await table.put({ pk: 'p', sk: 's', body: { a: 1 }, version: 1, expiresAtSeconds: later() });
        await table.put({ pk: 'p', sk: 's', body: Uint8Array.of(1) });
        expect(Object.keys((await table.get('p', 's')) ?? {}).sort()).toEqual(['body', 'pk', 'sk']);
        await table.put({ pk: 'p', sk: 's', body: 'text' });
        expect(await table.get('p', 's')).toEqual({ pk: 'p', sk: 's', body: 'text' });
      });

      it('keeps its own copy of the bytes', async () => {
        const body = Uint8Array.of(1, 2, 3);
        await table.put({ pk: 'p', sk: 's', body });
        body.fill(9);
        expect(bytesOf(await table.get('p', 's'))).toEqual([1, 2, 3]);
      });

      it('tells apart keys that look alike', async () => {
        const keys = ['a', 'A', 'a ', 'a#', 'a%', 'a\0', 'a\0b', "a'", 'a"', 'a\n', 'é', 'e\u0301', '😀'];
        for (const [index, key] of keys.entries()) await table.put({ pk: key, sk: key, body: index });
        for (const [index, key] of keys.entries()) expect((await table.get(key, key))?.body).toBe(index);
        expect(await table.get('a', 'A')).toBeUndefined();
      });

      it('deletes, and deleting what is not there is fine', async () => {
        await table.put({ pk: 'p', sk: 's', body: 1 });
        expect(await table.delete('p', 's')).toBe(true);
        expect(await table.get('p', 's')).toBeUndefined();
        expect(await table.delete('p', 's')).toBe(true);
      });
    });

    describe('a query', () => {
      const sortKeys = async (pk: string, range: Range): Promise<string[]> =>
        (await table.query(pk, range)).items.map((item) => item.sk);

      it('sees one partition only, in the order of sort keys, from and to included', async () => {
        for (const sk of ['b', 'a', 'd', 'c']) await table.put({ pk: 'p', sk, body: sk });
        for (const pk of ['o', 'p#', 'pp', 'P']) await table.put({ pk, sk: 'b', body: 'other' });
        expect(await sortKeys('p', { limit: 10 })).toEqual(['a', 'b', 'c', 'd']);
        expect(await sortKeys('p', { from: 'b', to: 'c', limit: 10 })).toEqual(['b', 'c']);
        expect(await sortKeys('p', { from: 'b', limit: 10 })).toEqual(['b', 'c', 'd']);
        expect(await sortKeys('p', { to: 'b', limit: 10 })).toEqual(['a', 'b']);
        expect(await sortKeys('p', { from: 'b', to: 'c', limit: 10, reverse: true })).toEqual(['c', 'b']);
        expect(await sortKeys('nobody', { limit: 10 })).toEqual([]);
      });

      it('finds nothing between a from and a smaller to', async () => {
        await table.put({ pk: 'p', sk: 'b', body: 1 });
        expect(await sortKeys('p', { from: 'c', to: 'a', limit: 10 })).toEqual([]);
      });

      it('sorts by UTF-8 bytes, which is not the order of JavaScript', async () => {
        const keys = ['A', 'a', 'a\0', 'aa', 'é', '\uff5e', '😀'];
        for (const sk of keys.toReversed()) await table.put({ pk: 'p', sk, body: 1 });
        expect(await sortKeys('p', { limit: 10 })).toEqual(keys);
        expect(await sortKeys('p', { from: '\uff5e', limit: 10 })).toEqual(['\uff5e', '😀']);
      });

      it('pages through any keys, either way, each item once', async () => {
        let run = 0;
        await fc.assert(
          fc.asyncProperty(
            fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 }),
            fc.integer({ min: 1, max: 5 }),
            fc.boolean(),
            async (keys, limit, reverse) => {
              const pk = `run ${run++}`;
              for (const sk of keys) await table.put({ pk, sk, body: 1 });
              const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
              const bounds = { from: sorted.at(1) ?? '', to: sorted.at(-1) ?? '' };
              const expected = sorted.filter((_, index) => sorted.length === 1 || index > 0);
              const range = sorted.length === 1 ? { limit, reverse } : { ...bounds, limit, reverse };
              expect((await everyPage(table, pk, range)).map((item) => item.sk)).toEqual(
                reverse ? expected.toReversed() : expected,
              );
            },
          ),
          { numRuns: 25 },
        );
      });

      it('pages by size: large items come whole, and no page holds them all', async () => {
        const body = new Uint8Array(300_000);
        for (let index = 0; index < 8; index++) await table.put({ pk: 'p', sk: `${index}`, body });
        const first = await table.query('p', { limit: 100 });
        expect(first.items.length).toBeLessThan(8);
        expect(first.next).toBeDefined();
        const all = await everyPage(table, 'p', { limit: 100 });
        expect(all.map((item) => item.sk)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
        expect(all.every((item) => bytesOf(item).length === 300_000)).toBe(true);
      });

      it('never gives more than its limit, and refuses a limit that is none', async () => {
        for (const sk of ['a', 'b', 'c']) await table.put({ pk: 'p', sk, body: 1 });
        expect(await sortKeys('p', { limit: 2 })).toEqual(['a', 'b']);
        expect(await sortKeys('p', { limit: 2, reverse: true })).toEqual(['c', 'b']);
        for (const limit of [0, -1, 1.5]) await expect(table.query('p', { limit })).rejects.toThrow(RangeError);
      });
    });

    describe('a condition', () => {
      it('absent: the first writer wins, the second changes nothing', async () => {
        expect(await table.put({ pk: 'p', sk: 's', body: 'first' }, 'absent')).toBe(true);
        expect(await table.put({ pk: 'p', sk: 's', body: 'second' }, 'absent')).toBe(false);
        expect((await table.get('p', 's'))?.body).toBe('first');
      });

      it('version: holds for exactly this version of an item that exists', async () => {
        expect(await table.put({ pk: 'p', sk: 's', body: 0, version: 1 }, { version: 1 })).toBe(false);
        expect(await table.get('p', 's')).toBeUndefined();
        await table.put({ pk: 'p', sk: 's', body: 1, version: 1 });
        expect(await table.put({ pk: 'p', sk: 's', body: 2, version: 2 }, { version: 1 })).toBe(true);
        expect(await table.put({ pk: 'p', sk: 's', body: 3, version: 2 }, { version: 1 })).toBe(false);
        expect(await table.get('p', 's')).toEqual({ pk: 'p', sk: 's', body: 2, version: 2 });
        await table.put({ pk: 'p', sk: 'none', body: 'unversioned' });
        expect(await table.put({ pk: 'p', sk: 'none', body: 4, version: 1 }, { version: 0 })).toBe(false);
      });

      it('guards a delete', async () => {
        expect(await table.delete('p', 's', { version: 1 })).toBe(false);
        expect(await table.delete('p', 's', 'absent')).toBe(true);
        await table.put({ pk: 'p', sk: 's', body: 1, version: 2 });
        expect(await table.delete('p', 's', 'absent')).toBe(false);
        expect(await table.delete('p', 's', { version: 1 })).toBe(false);
        expect((await table.get('p', 's'))?.body).toBe(1);
        expect(await table.delete('p', 's', { version: 2 })).toBe(true);
        expect(await table.get('p', 's')).toBeUndefined();
      });

      it('of many writers at once lets one win', async () => {
        const puts = Array.from({ length: 8 }, (_, body) =>
          table.put({ pk: 'p', sk: 's', body, version: 1 }, 'absent'),
        );
        const won = (await Promise.all(puts)).flatMap((ok, body) => (ok ? [body] : []));
        expect(won).toHaveLength(1);
        expect((await table.get('p', 's'))?.body).toBe(won[0]);
        const next = Array.from({ length: 8 }, (_, body) =>
          table.put({ pk: 'p', sk: 's', body, version: 2 }, { version: 1 }),
        );
        expect((await Promise.all(next)).filter((ok) => ok)).toHaveLength(1);
      });
    });

    describe('an item past its end', () => {
      const gone: Item = { pk: 'p', sk: 'gone', body: 1, version: 1, expiresAtSeconds: 1_000_000_000 };

      it('reads as absent', async () => {
        await table.put(gone);
        await table.put({ ...gone, sk: 'here', expiresAtSeconds: later() });
        expect(await table.get('p', 'gone')).toBeUndefined();
        expect((await everyPage(table, 'p', { limit: 1 })).map((item) => item.sk)).toEqual(['here']);
      });

      it('counts as absent in conditions', async () => {
        await table.put(gone);
        expect(await table.put({ ...gone, version: 2 }, { version: 1 })).toBe(false);
        expect(await table.delete('p', 'gone', { version: 1 })).toBe(false);
        expect(await table.transact([{ put: { ...gone, version: 2 }, condition: { version: 1 } }])).toBe(false);
        expect(await table.put({ pk: 'p', sk: 'gone', body: 'new' }, 'absent')).toBe(true);
        expect((await table.get('p', 'gone'))?.body).toBe('new');
      });

      it('ends at its second, without anybody deleting it', async () => {
        const expiresAtSeconds = Math.floor(Date.now() / 1000) + 2;
        await table.put({ pk: 'p', sk: 's', body: 1, expiresAtSeconds });
        expect(await table.get('p', 's')).toBeDefined();
        await new Promise((resolve) => setTimeout(resolve, expiresAtSeconds * 1000 - Date.now() + 20));
        expect(await table.get('p', 's')).toBeUndefined();
      });
    });

    describe('a transaction', () => {
      it('writes all or nothing', async () => {
        await table.put({ pk: 'p', sk: 'old', body: 'old', version: 1 });
        const writes: Write[] = [
          { put: { pk: 'p', sk: 'new', body: Uint8Array.of(7) }, condition: 'absent' },
          { delete: { pk: 'p', sk: 'old' }, condition: { version: 1 } },
          { put: { pk: 'q', sk: 'other partition', body: 2, version: 1 } },
        ];
        expect(
          await table.transact([...writes, { put: { pk: 'r', sk: 's', body: 1 }, condition: { version: 9 } }]),
        ).toBe(false);
        expect(await table.get('p', 'new')).toBeUndefined();
        expect((await table.get('p', 'old'))?.body).toBe('old');
        expect(await table.get('q', 'other partition')).toBeUndefined();
        expect(await table.transact(writes)).toBe(true);
        expect(bytesOf(await table.get('p', 'new'))).toEqual([7]);
        expect(await table.get('p', 'old')).toBeUndefined();
        expect((await table.get('q', 'other partition'))?.body).toBe(2);
        expect(await table.transact(writes)).toBe(false);
      });

      it('takes as many writes as the port allows, refuses more, and refuses a key twice', async () => {
        const writes = Array.from({ length: maxTransactionWrites + 1 }, (_, index) => ({
          put: { pk: 'p', sk: `${100 + index}`, body: index },
        }));
        await expect(table.transact(writes)).rejects.toThrow(RangeError);
        await expect(
          table.transact([{ put: { pk: 'p', sk: 's', body: 1 } }, { delete: { pk: 'p', sk: 's' } }]),
        ).rejects.toThrow(RangeError);
        expect((await table.query('p', { limit: 100 })).items).toEqual([]);
        expect(await table.transact(writes.slice(1))).toBe(true);
        expect(await everyPage(table, 'p', { limit: 100 })).toHaveLength(maxTransactionWrites);
      });
    });

    describe('a size', () => {
      it('up to the limit is taken, in either form', async () => {
        await table.put({ pk: 'p', sk: 'bytes', body: new Uint8Array(maxItemBytes) });
        await table.put({ pk: 'p', sk: 'json', body: 'x'.repeat(maxItemBytes - 2) });
        expect(bytesOf(await table.get('p', 'bytes'))).toHaveLength(maxItemBytes);
        expect((await table.get('p', 'json'))?.body).toBe('x'.repeat(maxItemBytes - 2));
      });

      it('over the limit is refused and changes nothing', async () => {
        await table.put({ pk: 'p', sk: 's', body: 'before' });
        for (const body of [new Uint8Array(maxItemBytes + 1), 'é'.repeat(maxItemBytes / 2)]) {
          const item = { pk: 'p', sk: 's', body };
          await expect(table.put(item)).rejects.toThrow(ItemTooLargeError);
          await expect(table.transact([{ put: { pk: 'p', sk: 'n', body: 1 } }, { put: item }])).rejects.toThrow(
            ItemTooLargeError,
          );
        }
        const large = Array.from({ length: 11 }, (_, index) => ({
          put: { pk: 'p', sk: `${index}`, body: new Uint8Array(maxItemBytes) },
        }));
        await expect(table.transact(large)).rejects.toThrow(RangeError);
        expect(await everyPage(table, 'p', { limit: 100 })).toEqual([{ pk: 'p', sk: 's', body: 'before' }]);
      });

      it.each([
        ['empty', ''],
        ['longer than 2,048 bytes', 'x'.repeat(2049)],
        ['no Unicode', 'lone \ud800 surrogate'],
      ])('a key that is %s is refused by name', async (_, key) => {
        for (const [pk, sk] of [
          [key, 's'],
          ['p', key],
        ] as const) {
          await expect(table.put({ pk, sk, body: 1 })).rejects.toThrow(ItemKeyError);
          await expect(table.get(pk, sk)).rejects.toThrow(ItemKeyError);
          await expect(table.delete(pk, sk)).rejects.toThrow(ItemKeyError);
          await expect(table.transact([{ put: { pk, sk, body: 1 } }])).rejects.toThrow(ItemKeyError);
        }
      });
    });
  });
}

/** All pages of a range, by `next`; fails the test if they do not come to an end. */
async function everyPage(table: ItemTable, pk: string, range: Range): Promise<Item[]> {
  const items: Item[] = [];
  let after: string | undefined;
  for (let page = 0; page < 200; page++) {
    const { items: more, next } = await table.query(pk, after === undefined ? range : { ...range, after });
    items.push(...more);
    if (next === undefined) return items;
    after = next;
  }
  throw new Error('the pages do not end');
}

function bytesOf(item: Item | undefined): number[] {
  if (!(item?.body instanceof Uint8Array)) throw new Error('the item holds no bytes');
  return [...item.body];
}

function later(): number {
  return Math.floor(Date.now() / 1000) + 3600;
}
