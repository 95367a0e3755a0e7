import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SqliteItemTable } from '../../hub/items.ts';
import { queueNames } from '../../hub/queue-names.ts';
import { QueueStore } from '../../hub/queues.ts';
import { hubDirectory } from '../../hub/state.ts';
import { messagesOf } from '../../shared/correlate/lives.ts';
import { hourMs, keys, sorts } from '../../shared/store/keys.ts';
import { PartStore } from '../../shared/store/parts.ts';
import { commandRecord, queryAll } from '../../shared/store/relays.ts';
import type { ChaosFleet } from './fleet.ts';

export interface HubBooks {
  /** `relay queueId login`, one entry a submission: a double one stands twice. */
  readonly submissions: readonly string[];
  /** Messages purged, and released from hold. */
  readonly purged: number;
  readonly released: number;
  readonly deadLetters: number;
}

/** By the hub's own file: the union of all parts, and what the commands' results add up to. Never writes. */
export async function hubBooks(fleet: ChaosFleet): Promise<HubBooks> {
  const file = join(hubDirectory(fleet.hubState), 'holdfast.sqlite');
  const db = new DatabaseSync(file, { readOnly: true, timeout: 2000 });
  try {
    const table = new SqliteItemTable(db);
    const store = new PartStore(table);
    const submissions: string[] = [];
    let [purged, released] = [0, 0];
    for (const { postfix } of fleet.relays) {
      const stored = await store.between(postfix.name, Date.now() - hourMs, Date.now());
      for (const { relay, queueId, login } of messagesOf(stored.map(({ part }) => part))) {
        if (login !== undefined) submissions.push(`${relay} ${queueId} ${login}`);
      }
      for (const { body } of await queryAll(table, keys.relay(postfix.name), sorts.command(''), sorts.command('~'))) {
        const { counts } = commandRecord.parse(body);
        purged += counts['purged'] ?? 0;
        released += counts['released'] ?? 0;
      }
    }
    const { ready, inFlight } = new QueueStore(db).depth(queueNames.dead);
    return { submissions, purged, released, deadLetters: ready + inFlight };
  } finally {
    db.close();
  }
}

/** Submissions by the relays' own logs, as {@link HubBooks} has them, read without any of the product's code. */
export async function loggedSubmissions(fleet: ChaosFleet): Promise<string[]> {
  const submissions: string[] = [];
  for (const { postfix } of fleet.relays) {
    const text = await readFile(postfix.maillog, 'utf8');
    for (const [, id, login] of text.matchAll(/ (\w+): client=\S+, sasl_method=\w+, sasl_username=(.*)$/gm)) {
      submissions.push(`${postfix.name} ${id} ${login}`);
    }
  }
  return submissions;
}
