import { PartCollector } from '../correlate/collect.ts';
import { attribute, ownHosts } from '../correlate/links.ts';
import { messagesOf } from '../correlate/lives.ts';
import { isMessage } from '../correlate/message.ts';
import { parseLine } from '../parse/line.ts';
import { LogClock } from './clock.ts';
import { IdsEngine, type IdsOptions, type RowsWhen } from './engine.ts';
import { type IdRow, jsonLine, type PlainRow, rowOf } from './row.ts';

const own = ownHosts(new Map([['10.0.0.2', 'mx2']]));
const nearMicros = Date.UTC(2026, 10, 24) * 1000;

/** What the core attributes, as rows in the order of their text. */
export function byCore(log: string, rows: RowsWhen = 'known'): string[] {
  const collectors = new Map<string, PartCollector>();
  for (const line of log.split('\n')) {
    const parsed = parseLine(line, { zone: 'UTC', nearMicros });
    if (!('ok' in parsed)) continue;
    const { host } = parsed.ok;
    const collector = collectors.get(host) ?? new PartCollector(host, String, Number.NEGATIVE_INFINITY);
    collectors.set(host, collector);
    collector.add(parsed);
  }
  const messages = messagesOf([...collectors.values()].map((each) => each.part()));
  return attribute(messages, own)
    .filter(({ message }) => isMessage(message) && (rows !== 'open' || message.removedAtMicros === undefined))
    .map(({ message, login }) => jsonLine(rowOf(message, login, rows === 'ended'), login))
    .sort();
}

/** What the engine says of the same lines, in pieces. */
export function byEngine(pieces: readonly Buffer[], options: Partial<IdsOptions> = {}): string[] {
  const rows: string[] = [];
  const blocks: Buffer[] = [];
  const spill = { write: (block: Uint8Array) => void blocks.push(Buffer.from(block)), blocks: () => blocks };
  const row = (each: IdRow): void => void rows.push(jsonLine(each, each.login));
  const sink = { row, plain: (each: PlainRow): void => row(each.toIdRow()) };
  const engine = new IdsEngine({ ownHost: own, rows: 'known', spill, sink, ...options });
  readAll(engine, pieces);
  engine.end();
  while (engine.later.begin()) readAll(engine.later, pieces);
  engine.later.end();
  return rows.sort();
}

function readAll(reader: Pick<IdsEngine, 'read'>, pieces: readonly Buffer[]): void {
  const clock = new LogClock('UTC', nearMicros);
  let rest: Buffer = Buffer.alloc(0);
  for (const piece of pieces) {
    const bytes = Buffer.concat([rest, piece]);
    rest = bytes.subarray(reader.read(bytes, 0, bytes.length, clock, Number.POSITIVE_INFINITY));
  }
}
