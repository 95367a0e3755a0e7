import { canonicalAccount } from '../../shared/account/account.ts';
import { IdsEngine } from '../../shared/ids/engine.ts';
import { Accounts, type IdRow, jsonLine, tsvHeader } from '../../shared/ids/row.ts';
import { TsvWriter } from '../../shared/ids/tsv.ts';
import { usage } from '../failure.ts';
import { feed, type Progress } from './feed.ts';
import type { JobReport } from './jobs.ts';
import { logFile } from './log-file.ts';
import { Output } from './output.ts';
import { type OwnNetwork, ownNetworks } from './own-hosts.ts';
import { ProgressBar } from './progress.ts';
import { SpillFile } from './spill-file.ts';
import { sayTorn, sayUnread } from './unread.ts';

export interface IdsCommand {
  readonly account?: string;
  readonly relay?: string;
  readonly instance?: string;
  readonly own: readonly OwnNetwork[];
  readonly timezone: string;
  readonly year?: number;
  readonly stillQueued?: true;
  readonly queueIdsOnly?: true;
  readonly json?: true;
}

const rule = { realmAliases: {} };

/** `holdfast ids`: every queue ID of every account, as the logs are read. */
export async function ids(paths: readonly string[], command: IdsCommand): Promise<void> {
  if (command.queueIdsOnly && command.json) throw usage('--queue-ids-only prints bare IDs: it does not go with --json');
  const files = paths.map(logFile);
  const accounts = new Accounts(rule);
  const wanted = command.account === undefined ? undefined : canonicalAccount(command.account, rule);
  // A script's empty variable must not mean everybody.
  if (command.account !== undefined && wanted === undefined)
    throw usage(`--account ${JSON.stringify(command.account)}: want a name`);
  const output = new Output();
  const bar = new ProgressBar();
  const spill = new SpillFile();
  const { queueIdsOnly = false, json = false } = command;
  const queueIds: string[] = [];

  const isWantedPlace = (relay: string, instance: string): boolean =>
    (command.relay === undefined || relay === command.relay) &&
    (command.instance === undefined || instance === command.instance);
  const isWantedAccount = (account: string): boolean => wanted === undefined || account === wanted;
  const write = (lines: Buffer): void => {
    bar.clear();
    output.write(lines);
  };
  const tsv = new TsvWriter({ accounts, isWantedAccount, isWantedPlace, write });
  const others = (row: IdRow): void => {
    const account = accounts.of(row.login);
    if (!isWantedPlace(row.relay, row.instance) || !isWantedAccount(account)) return;
    if (queueIdsOnly) queueIds.push(row.queueId);
    else tsv.line(jsonLine(row, account));
  };
  const engine = new IdsEngine({
    ownHost: ownNetworks(command.own),
    rows: command.stillQueued || queueIdsOnly ? 'open' : json ? 'ended' : 'known',
    spill,
    sink: json || queueIdsOnly ? { row: others, plain: (row) => others(row.toIdRow()) } : tsv,
  });

  if (!json && !queueIdsOnly) tsv.line(tsvHeader);
  try {
    const options = {
      zone: command.timezone,
      year: command.year,
      between(progress: Progress) {
        bar.show(progress);
        return output.isBlocked ? output.drained() : undefined;
      },
      torn(path: string) {
        bar.clear();
        sayTorn(path);
      },
      idle() {
        engine.flush();
        tsv.flush();
        return output.drained();
      },
    };
    await feed(files, engine, options);
    engine.end();
    const { later } = engine;
    while (later.begin()) await feed(files, later, { ...options, torn: () => undefined, idle: () => undefined });
    later.end();
  } finally {
    spill.close();
    bar.clear();
  }
  if (queueIdsOnly) {
    const places = engine.places.filter(({ used, relay, instance }) => used && isWantedPlace(relay.name, instance));
    if (places.length > 1) {
      const names = places.map(({ relay, instance }) => `${relay.name} ${instance}`);
      throw usage(`IDs of ${places.length} places (${names.join(', ')}): choose one with --relay and --instance`);
    }
    for (const queueId of queueIds) tsv.line(queueId);
  }
  tsv.flush();
  await output.drained();
  sayUnread(engine.lines);
  const relays = engine.places.filter(({ used }) => used).map(({ relay }) => relay.name);
  process.send?.({ relays: [...new Set(relays)] } satisfies JobReport);
}
