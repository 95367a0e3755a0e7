import { readTag } from '../parse/tag.ts';
import type { Place, Places } from './place.ts';

/** Which lane reads a program's lines. `parse`: none of its own, `parseLine` reads them. */
export type Lane = 'parse' | 'smtpd' | 'cleanup' | 'qmgr' | 'delivery' | 'local';

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
  ['local', 'local'],
]);

/** Who wrote a line: what stands between its stamp and the process number. */
export interface Origin {
  readonly lane: Lane;
  readonly place: Place | undefined;
  readonly hash: number;
  readonly length: number;
}

const slots = 1024;
const maxLength = 600;
const nobody: Origin = { lane: 'parse', place: undefined, hash: 0, length: -1 };

/** The origins of a log, from bytes. A host has few: each is read once, and recognised by its hash and length. */
export class Origins {
  readonly #places: Places;
  readonly #slots: Origin[] = new Array(slots).fill(nobody);

  constructor(places: Places) {
    this.#places = places;
  }

  /** The origin `HOST NAME` in `[from, end)`, before the `[` of the process number; `hash` is `hashOf`'s over it. */
  at(bytes: Buffer, from: number, end: number, hash: number): Origin {
    const known = this.#slots[hash & (slots - 1)];
    if (known !== undefined && known.hash === hash && known.length === end - from) return known;
    if (end - from > maxLength) return nobody;
    const origin = { ...this.#read(bytes.toString('utf8', from, end)), hash, length: end - from };
    this.#slots[hash & (slots - 1)] = origin;
    return origin;
  }

  #read(text: string): Pick<Origin, 'lane' | 'place'> {
    const [host, name, ...rest] = text.split(' ');
    const tag = name === undefined || rest.length > 0 ? undefined : readTag(`${name}:`);
    const lane = tag === undefined ? undefined : lanes.get(tag.program);
    if (host === undefined || host === '' || tag === undefined || lane === undefined) return nobody;
    return { lane, place: this.#places.at(host, tag.instance) };
  }
}
