/**
 * The one port under the Store: an item table of DynamoDB's own shape. Two small adapters implement it (SQLite in the
 * hub, DynamoDB on AWS) and pass one contract suite. Keys are text; ranges compare by UTF-8 bytes.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Item {
  readonly pk: string;
  readonly sk: string;
  /** JSON for records, bytes for packed parts. Adapters refuse more than {@link maxItemBytes}. */
  readonly body: Json | Uint8Array;
  /** For optimistic writes: the writer sets previous + 1 and conditions on previous. */
  readonly version?: number;
  /** Seconds since the epoch. From then on the item reads as absent, whether or not it is deleted yet. */
  readonly expiresAtSeconds?: number;
}

/** `absent`: no item under the key (an expired one counts as none). A version: the item exists with exactly this one. */
export type Condition = 'absent' | { readonly version: number };

export type Write =
  | { readonly put: Item; readonly condition?: Condition }
  | { readonly delete: { readonly pk: string; readonly sk: string }; readonly condition?: Condition };

export interface Range {
  /** Sort keys from (inclusive) … */
  readonly from?: string;
  /** … to (inclusive). */
  readonly to?: string;
  /** Exclusive start: the `next` of the page before. */
  readonly after?: string;
  readonly limit: number;
  /** Newest first where sort keys are times. */
  readonly reverse?: boolean;
}

export interface Page {
  readonly items: readonly Item[];
  /** Set while more may follow. A page may be short, even empty, and still have a next (DynamoDB pages by size). */
  readonly next?: string;
}

/** DynamoDB's limit is 400 KB with keys and attribute names; this leaves room for them. */
export const maxItemBytes = 380_000;
/** DynamoDB's TransactWriteItems takes 100; ours stay far below. */
export const maxTransactionWrites = 25;

export interface ItemTable {
  /** Strongly consistent. */
  get(pk: string, sk: string): Promise<Item | undefined>;
  /** One partition by sort range, strongly consistent. */
  query(pk: string, range: Range): Promise<Page>;
  /** False if the condition failed (nothing written). @throws ItemTooLargeError */
  put(item: Item, condition?: Condition): Promise<boolean>;
  /** False if the condition failed; deleting what is not there is true. */
  delete(pk: string, sk: string, condition?: Condition): Promise<boolean>;
  /** All or nothing; false if any condition failed. A key may occur once. */
  transact(writes: readonly Write[]): Promise<boolean>;
}

export class ItemTooLargeError extends Error {
  override name = 'ItemTooLargeError';
  constructor(pk: string, sk: string, bytes: number) {
    super(`item ${pk} / ${sk} has ${bytes} bytes, more than ${maxItemBytes}`);
  }
}
