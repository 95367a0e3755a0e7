import { originOf } from '../parse/origin.ts';
import type { Place, Places } from './place.ts';
import { type Chunk, chunkOf, isSame } from './words.ts';

/** How a program's lines are read. `parse`: by the one grammar. `none`: they say nothing that anybody needs. */
export type Lane = 'parse' | 'none' | 'smtpd' | 'cleanup' | 'qmgr' | 'delivery';

const lanes: ReadonlyMap<string, Lane> = new Map<string, Lane>([
  ['smtpd', 'smtpd'],
  ['cleanup', 'cleanup'],
  ['qmgr', 'qmgr'],
  ['nqmgr', 'qmgr'],
  ['oqmgr', 'qmgr'],
  ['smtp', 'delivery'],
  ['lmtp', 'delivery'],
  ['virtual', 'delivery'],
  ['pipe', 'delivery'],
  ['error', 'delivery'],
  ['discard', 'delivery'],
  ['local', 'delivery'],
]);

/** Who wrote a line: what stands between its stamp and the process number. */
export interface Origin {
  readonly text: Chunk;
  readonly lane: Lane;
  readonly place: Place | undefined;
}

const slots = 1024;
const nobody = { lane: 'parse', place: undefined } as const;
const nothing = { lane: 'none', place: undefined } as const;

/** The origins of a log, from bytes. A host has few, and each of them many lines. */
export class Origins {
  readonly #places: Places;
  readonly #slots: (Origin | undefined)[] = new Array(slots).fill(undefined);

  constructor(places: Places) {
    this.#places = places;
  }

  /** The origin `HOST NAME` in `[from, end)`, before the `[` of the process number. */
  at({ bytes, view }: Chunk, from: number, end: number): Origin {
    const slot = slotOf(view, from, end);
    const known = this.#slots[slot];
    if (known !== undefined && known.text.bytes.length === end - from && isSame(view, from, end, known.text.view, 0))
      return known;
    const text = chunkOf(Buffer.from(bytes.subarray(from, end)));
    const origin = { text, ...this.#read(text.bytes.toString()) };
    this.#slots[slot] = origin;
    return origin;
  }

  #read(text: string): Pick<Origin, 'lane' | 'place'> {
    const [host, name, ...rest] = text.split(' ');
    if (host === undefined || host === '' || name === undefined || rest.length > 0) return nobody;
    const origin = originOf(host, `${name}[1]:`);
    if (origin === undefined) return isForeign(host, name) ? nothing : nobody;
    if (origin.instance === '') return nobody;
    // Whatever such a program says, the parser ignores it.
    if (typeof origin.grammar !== 'function') return nothing;
    const lane = lanes.get(origin.program);
    return lane === undefined ? nobody : { lane, place: this.#places.at(host, origin.instance) };
  }
}

/** Another program's `HOST NAME[PID]: `, where no habit of a syslog daemon could make something else of it. */
function isForeign(host: string, name: string): boolean {
  return /^[\w.-]+$/.test(name) && !host.startsWith('<') && !host.endsWith(':');
}

/** Hosts differ at their beginning, instances and programs at the end. */
function slotOf(view: DataView, from: number, end: number): number {
  let hash = (end - from) ^ view.getInt32(from, true);
  for (let at = end - 4; at >= from && at >= end - 16; at -= 4)
    hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e3779b1);
  return (hash ^ (hash >>> 15)) & (slots - 1);
}
