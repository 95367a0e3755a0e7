import { text } from './columns.ts';
import type { Place } from './place.ts';
import type { RowSink } from './printer.ts';
import { type Accounts, cell, type IdRow, rfc3339, tsvLine } from './row.ts';
import type { Traces } from './traces.ts';
import { type Chunk, chunkOf, copyBytes, hashOf, isSame } from './words.ts';

interface KnownLogin {
  readonly login: Chunk;
  readonly account: Chunk;
  readonly isWanted: boolean;
}

interface KnownPlace {
  /** `RELAY`, tab, `INSTANCE`, tab. */
  readonly head: Chunk;
  readonly isWanted: boolean;
}

export interface TsvOptions {
  readonly accounts: Accounts;
  readonly isWantedAccount: (account: string) => boolean;
  readonly isWantedPlace: (relay: string, instance: string) => boolean;
  /** Takes whole lines; may be used only until it returns. */
  readonly write: (lines: Buffer) => void;
}

const bufferBytes = 1 << 16;
/** A row from columns is shorter: none of its texts has more than 255 bytes. */
const maxDirectBytes = 2048;
const slots = 4096;
const tab = 9;
const newline = 10;
const directMark = chunkOf(Buffer.from('\tdirect\t'));

/** Rows as TSV, most of them from bytes to bytes. */
export class TsvWriter implements RowSink {
  readonly #options: TsvOptions;
  readonly #buffer = chunkOf(Buffer.allocUnsafe(bufferBytes));
  #used = 0;
  readonly #places = new Map<Place, KnownPlace>();
  readonly #logins: (KnownLogin | undefined)[] = new Array(slots).fill(undefined);
  readonly #scratch = chunkOf(Buffer.alloc(256));
  /** The seconds written last, and their text up to the point. */
  #second = -1;
  readonly #secondText = chunkOf(Buffer.alloc(20));

  constructor(options: TsvOptions) {
    this.#options = options;
  }

  line(line: string): void {
    this.#append(`${line}\n`);
  }

  row(row: IdRow): void {
    const { accounts, isWantedAccount, isWantedPlace } = this.#options;
    const account = accounts.of(row.login);
    if (isWantedPlace(row.relay, row.instance) && isWantedAccount(account)) this.line(tsvLine(row, account));
  }

  direct(traces: Traces, slot: number): boolean {
    const { columns } = traces;
    const micros = traces.beginning(slot);
    const login = this.#login(traces, slot);
    const place = this.#place(columns.placeOf(slot));
    if (!login.isWanted || !place.isWanted) return true;
    if (this.#used + maxDirectBytes > bufferBytes) this.flush();
    const { view } = this.#buffer;
    let to = copyAll(place.head, view, this.#used);
    to = columns.copyText(slot, text.id, view, to);
    view.setUint8(to, tab);
    to = copyAll(login.account, view, to + 1);
    view.setUint8(to, tab);
    to = this.#time(micros, to + 1);
    to = copyAll(directMark, view, to);
    const senderFrom = to;
    to = columns.copyText(slot, text.sender, view, to);
    view.setUint8(to, tab);
    const clientFrom = to + 1;
    to = columns.copyText(slot, text.client, view, clientFrom);
    view.setUint8(to, newline);
    // Postfix logs no control characters. Whoever wrote these did not mean to make a row.
    if (hasControls(view, senderFrom, clientFrom - 1) || hasControls(view, clientFrom, to)) return false;
    this.#used = to + 1;
    return true;
  }

  flush(): void {
    if (this.#used > 0) this.#options.write(this.#buffer.bytes.subarray(0, this.#used));
    this.#used = 0;
  }

  #append(line: string): void {
    const length = Buffer.byteLength(line);
    if (this.#used + length > bufferBytes) this.flush();
    if (length > bufferBytes) this.#options.write(Buffer.from(line));
    else this.#used += this.#buffer.bytes.write(line, this.#used);
  }

  #login({ columns }: Traces, slot: number): KnownLogin {
    const { bytes, view } = this.#scratch;
    const end = columns.copyText(slot, text.login, view, 0);
    const at = hashOf(view, 0, end) & (slots - 1);
    const known = this.#logins[at];
    if (known?.login.bytes.length === end && isSame(view, 0, end, known.login.view, 0)) return known;
    const login = bytes.toString('utf8', 0, end);
    const account = this.#options.accounts.of(login);
    const made = {
      login: chunkOf(Buffer.from(bytes.subarray(0, end))),
      account: chunkOf(Buffer.from(cell(account))),
      isWanted: this.#options.isWantedAccount(account),
    };
    this.#logins[at] = made;
    return made;
  }

  #place(place: Place): KnownPlace {
    let known = this.#places.get(place);
    if (known === undefined) {
      const { relay, instance } = place;
      const isWanted = this.#options.isWantedPlace(relay.name, instance);
      known = { head: chunkOf(Buffer.from(`${cell(relay.name)}\t${cell(instance)}\t`)), isWanted };
      this.#places.set(place, known);
    }
    return known;
  }

  /** RFC 3339 with six fraction digits. */
  #time(micros: number, to: number): number {
    const second = Math.floor(micros / 1_000_000);
    if (second !== this.#second) {
      this.#secondText.bytes.write(rfc3339(second * 1_000_000), 0, 20, 'latin1');
      this.#second = second;
    }
    const { view } = this.#buffer;
    copyBytes(this.#secondText.view, 0, 20, view, to);
    let rest = micros - second * 1_000_000;
    for (let digit = 25; digit >= 20; digit--) {
      view.setUint8(to + digit, 48 + (rest % 10));
      rest = Math.floor(rest / 10);
    }
    view.setUint8(to + 26, 90);
    return to + 27;
  }
}

function copyAll({ bytes, view }: Chunk, target: DataView, to: number): number {
  return copyBytes(view, 0, bytes.length, target, to);
}

function hasControls(view: DataView, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if (view.getUint8(at) < 32) return true;
  return false;
}
