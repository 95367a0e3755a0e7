import { originOf } from '../parse/origin.ts';
import * as lane from './lane.ts';
import type { Place, Places } from './place.ts';

const lanes: ReadonlyMap<string, number> = new Map([
  ['smtpd', lane.smtpd],
  ['cleanup', lane.cleanup],
  ['qmgr', lane.qmgr],
  ['nqmgr', lane.qmgr],
  ['oqmgr', lane.qmgr],
  ['smtp', lane.delivery],
  ['lmtp', lane.delivery],
  ['virtual', lane.delivery],
  ['pipe', lane.delivery],
  ['error', lane.delivery],
  ['discard', lane.delivery],
  ['local', lane.delivery],
]);

/** Who wrote a line, and how it is read (lane.ts). */
export interface Origin {
  readonly lane: number;
  readonly place: Place | undefined;
}

const nobody = { lane: lane.parse, place: undefined };
const nothing = { lane: lane.nothing, place: undefined };

/** What stands between a line's stamp and the `[` of its process number: `HOST NAME`. */
export function readOrigin(text: string, places: Places): Origin {
  const [host, name, ...rest] = text.split(' ');
  if (host === undefined || host === '' || name === undefined || rest.length > 0) return nobody;
  const origin = originOf(host, `${name}[1]:`);
  if (origin === undefined) return isForeign(host, name) ? nothing : nobody;
  if (origin.instance === '') return nobody;
  // Whatever such a program says, the parser ignores it.
  if (typeof origin.grammar !== 'function') return nothing;
  const known = lanes.get(origin.program);
  return known === undefined ? nobody : { lane: known, place: places.at(host, origin.instance) };
}

/** Another program's `HOST NAME[PID]: `, where no habit of a syslog daemon could make something else of it. */
function isForeign(host: string, name: string): boolean {
  return /^[\w.-]+$/.test(name) && !host.startsWith('<') && !host.endsWith(':');
}
