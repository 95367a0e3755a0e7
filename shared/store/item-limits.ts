import { type Item, ItemTooLargeError, maxItemBytes, maxTransactionWrites, type Write } from './item-table.ts';

/**
 * What every adapter of the item table refuses before it writes, so that what one accepts the others accept too.
 * The figures are DynamoDB's (developer guide, "Quotas").
 */
const maxPartitionKeyBytes = 2048;
const maxSortKeyBytes = 1024;
/** DynamoDB refuses a transaction of more than 4 MB. */
const maxTransactionBytes = 4_000_000;

/** A key that no adapter can hold: empty, too long, or no Unicode (a lone surrogate would become another key). */
export class ItemKeyError extends Error {
  override name = 'ItemKeyError';
}

/** True of what no repetition makes storable: it is its message's fault. */
export function isUnstorable(error: unknown): error is Error {
  return error instanceof ItemKeyError || error instanceof ItemTooLargeError;
}

/** @throws ItemKeyError */
export function checkKey(pk: string, sk: string): void {
  checkKeyPart('partition key', pk, maxPartitionKeyBytes);
  checkKeyPart('sort key', sk, maxSortKeyBytes);
}

/** @throws ItemKeyError, ItemTooLargeError, RangeError (a version or an expiry that is no whole number) */
export function checkItem(item: Item): void {
  checkKey(item.pk, item.sk);
  for (const number of [item.version, item.expiresAtSeconds]) {
    if (number !== undefined && !Number.isSafeInteger(number)) {
      throw new RangeError(`item ${item.pk} / ${item.sk}: ${number} is no whole number`);
    }
  }
  const bytes = bodyBytes(item);
  if (bytes > maxItemBytes) throw new ItemTooLargeError(item.pk, item.sk, bytes);
}

/** @throws ItemKeyError, ItemTooLargeError, RangeError (too many writes or bytes, or a key twice) */
export function checkTransaction(writes: readonly Write[]): void {
  if (writes.length > maxTransactionWrites) {
    throw new RangeError(`a transaction of ${writes.length} writes, more than ${maxTransactionWrites}`);
  }
  let bytes = 0;
  const seen = new Set<string>();
  for (const write of writes) {
    const { pk, sk } = 'put' in write ? write.put : write.delete;
    if ('put' in write) {
      checkItem(write.put);
      bytes += bodyBytes(write.put);
    } else checkKey(pk, sk);
    const key = JSON.stringify([pk, sk]);
    if (seen.has(key)) throw new RangeError(`a transaction that writes ${pk} / ${sk} twice`);
    seen.add(key);
  }
  if (bytes > maxTransactionBytes) {
    throw new RangeError(`a transaction of ${bytes} bytes, more than ${maxTransactionBytes}`);
  }
}

function bodyBytes(item: Item): number {
  return item.body instanceof Uint8Array ? item.body.byteLength : Buffer.byteLength(JSON.stringify(item.body));
}

function checkKeyPart(name: string, key: string, maxBytes: number): void {
  if (!key.isWellFormed()) throw new ItemKeyError(`${name} ${JSON.stringify(key)} is no well-formed Unicode`);
  const bytes = Buffer.byteLength(key);
  if (bytes === 0) throw new ItemKeyError(`${name} is empty`);
  if (bytes > maxBytes) {
    throw new ItemKeyError(`${name} ${JSON.stringify(key.slice(0, 64))}… has ${bytes} bytes, more than ${maxBytes}`);
  }
}
