import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Counters } from '../agent/counters.ts';
import { cursorSchema } from '../agent/cursor-file.ts';
import { Follower } from '../agent/follow.ts';
import { openIndexDatabase } from '../agent/index-schema.ts';
import { IndexStore } from '../agent/index-store.ts';
import { mustRun } from '../lab/run.ts';
import { PartCollector } from '../shared/correlate/collect.ts';
import { attribute, type OwnHost, ownHosts } from '../shared/correlate/links.ts';
import { messagesOf } from '../shared/correlate/lives.ts';
import { isMessage } from '../shared/correlate/message.ts';
import { parseLine } from '../shared/parse/line.ts';
import { eventually, silent } from './hub-fixture.ts';

/** Whose each message is, in the log's own words: queue ID → `direct LOGIN` or `derived LOGIN`; nobody's are absent. */
export type Owners = Readonly<Record<string, string>>;

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 11);

/** As the hub sees it: parse, collect, lives, links. */
export function ownersByCore(lines: readonly string[], ownHost: OwnHost = ownHosts(new Map())): Owners {
  const collector = new PartCollector('mx1', hash, 0);
  const context = { zone: Intl.DateTimeFormat().resolvedOptions().timeZone, nearMicros: Date.now() * 1000 };
  for (const line of lines) collector.add(parseLine(line, context));
  const found = attribute(messagesOf([collector.part()]), ownHost).filter(({ message }) => isMessage(message));
  return Object.fromEntries(found.map(({ message, login, how }) => [message.queueId, `${how} ${login}`]));
}

/** As `holdfast ids` prints it. */
export async function ownersByCommand(maillog: string): Promise<Owners> {
  const program = join(import.meta.dirname, '../cli/main.ts');
  const { stdout } = await mustRun(process.execPath, [program, 'ids', '--json', maillog]);
  const rows: unknown[] = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  return Object.fromEntries(
    rows.map((row) => {
      if (typeof row !== 'object' || row === null || !('queueId' in row && 'attribution' in row && 'account' in row))
        throw new Error(`no row: ${JSON.stringify(row)}`);
      return [String(row.queueId), `${String(row.attribution)} ${String(row.account)}`];
    }),
  );
}

/** As the agent's local index knows it after it has followed the whole log: account → IDs still queued, sorted. */
export async function idsByIndex(maillog: string, folder: string): Promise<Record<string, string[]>> {
  const database = openIndexDatabase(join(folder, 'index.sqlite'), silent);
  const store = new IndexStore(database, { maxRows: 100_000 });
  const stop = new AbortController();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const common = { zone, store, counters: new Counters(), log: silent, onArrivals: () => undefined };
  const running = new Follower({ file: maillog, ...common, signal: stop.signal }).run();
  try {
    const { size } = await stat(maillog);
    await eventually(async () => {
      const cursor = cursorSchema.safeParse(store.cursor(maillog));
      return cursor.success && cursor.data.offset >= size ? true : undefined;
    });
    const accounts = database.prepare('SELECT DISTINCT account FROM login').all();
    return Object.fromEntries(accounts.map(({ account }) => [String(account), idsOf(store, String(account))]));
  } finally {
    stop.abort();
    await running;
    store.close();
  }
}

function idsOf(store: IndexStore, account: string): string[] {
  return [...store.idsOf(account)].map(([, queueId]) => queueId).sort();
}
