import type { Condition, Item, ItemTable, Page, Range, Write } from '../shared/store/item-table.ts';

export class DynamoItemTable implements ItemTable {
  get(_pk: string, _sk: string): Promise<Item | undefined> {
    throw new Error();
  }
  query(_pk: string, _range: Range): Promise<Page> {
    throw new Error();
  }
  put(_item: Item, _condition?: Condition): Promise<boolean> {
    throw new Error();
  }
  delete(_pk: string, _sk: string, _condition?: Condition): Promise<boolean> {
    throw new Error();
  }
  transact(_writes: readonly Write[]): Promise<boolean> {
    throw new Error();
  }
}
