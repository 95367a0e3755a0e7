import { canonicalAccount } from '../../shared/account/account.ts';
import { IdsEngine } from '../../shared/ids/engine.ts';
import { Accounts, type IdRow, jsonLine, tsvHeader, tsvLine } from '../../shared/ids/row.ts';
import { usage } from '../failure.ts';
import { feed } from './feed.ts';
import { logFile } from './log-file.ts';
import { Output } from './output.ts';
import { type OwnNetwork, ownNetworks } from './own-hosts.ts';
import { ProgressBar } from './progress.ts';
import { SpillFile } from './spill-file.ts';

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
  const files = paths.map(logFile);
  const accounts = new Accounts(rule);
  const wanted = command.account === undefined ? undefined : canonicalAccount(command.account, rule);
  const output = new Output();
  const bar = new ProgressBar();
  const spill = new SpillFile();
  const { queueIdsOnly = false, json = false } = command;
  const queueIds: string[] = [];

  const isWanted = ({ relay, instance }: { readonly relay: string; readonly instance: string }): boolean =>
    (command.relay === undefined || relay === command.relay) &&
    (command.instance === undefined || instance === command.instance);
  const print = (row: IdRow): void => {
    if (!isWanted(row)) return;
    const account = accounts.of(row.login);
    if (wanted !== undefined && account !== wanted) return;
    if (queueIdsOnly) queueIds.push(row.queueId);
    else output.line(json ? jsonLine(row, account) : tsvLine(row, account));
  };
  const engine = new IdsEngine({
    ownHost: ownNetworks(command.own),
    rows: command.stillQueued || queueIdsOnly ? 'open' : json ? 'ended' : 'known',
    outcomes: json && !queueIdsOnly,
    spill,
    row: print,
  });
  const flush = async (): Promise<void> => {
    bar.clear();
    await output.flush();
  };

  if (!json && !queueIdsOnly) output.line(tsvHeader);
  try {
    await feed(files, engine, {
      zone: command.timezone,
      year: command.year,
      between(progress) {
        bar.show(progress);
        return output.full ? flush() : undefined;
      },
      idle() {
        engine.flush();
        return flush();
      },
    });
    engine.end();
  } finally {
    spill.close();
    bar.clear();
  }
  if (queueIdsOnly) {
    const places = engine.places.filter(
      ({ used, relay, instance }) => used && isWanted({ relay: relay.name, instance }),
    );
    if (places.length > 1) {
      const names = places.map(({ relay, instance }) => `${relay.name} ${instance}`);
      throw usage(`IDs of ${places.length} places (${names.join(', ')}): choose one with --relay and --instance`);
    }
    for (const queueId of queueIds) output.line(queueId);
  }
  await flush();
}
