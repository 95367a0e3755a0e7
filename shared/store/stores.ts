import { ChainStore } from './chains.ts';
import { FindingStore } from './findings.ts';
import type { ItemTable } from './item-table.ts';
import { Outbox } from './outbox.ts';
import { PartStore } from './parts.ts';
import { RelayStore } from './relays.ts';

/** The Store: everything central, over one item table. */
export interface Stores {
  readonly parts: PartStore;
  readonly findings: FindingStore;
  readonly relays: RelayStore;
  readonly outbox: Outbox;
  readonly chains: ChainStore;
}

export function storesOver(table: ItemTable): Stores {
  return {
    parts: new PartStore(table),
    findings: new FindingStore(table),
    relays: new RelayStore(table),
    outbox: new Outbox(table),
    chains: new ChainStore(table),
  };
}
