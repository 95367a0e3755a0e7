import type { Place } from './place.ts';
import { type Accounts, cell, type IdRow, type Piece, type PlainRow, type RowSink, rfc3339, tsvLine } from './row.ts';
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
/** A row has so many bytes beside its texts, at most. */
const fixedBytes = 1024;
const slots = 4096;
const tab = 9;
const newline = 10;
const point = 46;
const zulu = 90;
const minuteMicros = 60_000_000;
/** `2026-11-24T10:13:` */
const minuteLength = 17;
const marks = { direct: chunkOf(Buffer.from('\tdirect\t')), derived: chunkOf(Buffer.from('\tderived\t')) };

/** Rows as TSV, most of them from bytes to bytes. */
export class TsvWriter implements RowSink {
  readonly #options: TsvOptions;
  readonly #buffer = chunkOf(Buffer.allocUnsafe(bufferBytes));
  #used = 0;
  readonly #places = new Map<Place, KnownPlace>();
  readonly #logins: (KnownLogin | undefined)[] = new Array(slots).fill(undefined);
  /** The minute written last, and its text up to the seconds. */
  #minute = -1;
  readonly #minuteText = chunkOf(Buffer.alloc(minuteLength));

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

  plain(row: PlainRow): void {
    const { place, queueId, sender, client } = row;
    if (place === undefined) return;
    const login = this.#login(row.login);
    const head = this.#place(place);
    if (!login.isWanted || !head.isWanted) return;
    const length = fixedBytes + sender.end - sender.from + login.account.bytes.length;
    // Postfix logs no control characters. Whoever wrote these did not mean to make a row.
    if (length > bufferBytes || hasControls(sender) || hasControls(client)) {
      this.row(row.toIdRow());
      return;
    }
    if (this.#used + length > bufferBytes) this.flush();
    const { view } = this.#buffer;
    let to = copyAll(head.head, view, this.#used);
    to = copyPiece(queueId, view, to);
    view.setUint8(to, tab);
    to = copyAll(login.account, view, to + 1);
    view.setUint8(to, tab);
    to = this.#time(row.acceptedAtMicros, to + 1);
    to = copyAll(marks[row.attribution], view, to);
    to = copyPiece(sender, view, to);
    view.setUint8(to, tab);
    to = copyPiece(client, view, to + 1);
    view.setUint8(to, newline);
    this.#used = to + 1;
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

  #login({ chunk: { bytes, view }, from, end }: Piece): KnownLogin {
    const slot = hashOf(view, from, end) & (slots - 1);
    const known = this.#logins[slot];
    if (known?.login.bytes.length === end - from && isSame(view, from, end, known.login.view, 0)) return known;
    const login = bytes.toString('utf8', from, end);
    const account = this.#options.accounts.of(login);
    const made = {
      login: chunkOf(Buffer.from(bytes.subarray(from, end))),
      account: chunkOf(Buffer.from(cell(account))),
      isWanted: this.#options.isWantedAccount(account),
    };
    this.#logins[slot] = made;
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
    const minute = Math.floor(micros / minuteMicros);
    if (minute !== this.#minute) {
      this.#minuteText.bytes.write(rfc3339(minute * minuteMicros), 0, minuteLength, 'latin1');
      this.#minute = minute;
    }
    const { view } = this.#buffer;
    const at = copyAll(this.#minuteText, view, to);
    const inMinute = micros - minute * minuteMicros;
    const second = Math.floor(inMinute / 1_000_000);
    putDigits(view, at, 2, second);
    view.setUint8(at + 2, point);
    putDigits(view, at + 3, 6, inMinute - second * 1_000_000);
    view.setUint8(at + 9, zulu);
    return at + 10;
  }
}

function putDigits(view: DataView, at: number, length: number, number: number): void {
  // Whole numbers of 32 bits are quicker to divide.
  let rest = number | 0;
  for (let digit = at + length - 1; digit >= at; digit--) {
    view.setUint8(digit, 48 + (rest % 10));
    rest = (rest / 10) | 0;
  }
}

function copyAll({ bytes, view }: Chunk, target: DataView, to: number): number {
  return copyBytes(view, 0, bytes.length, target, to);
}

function copyPiece({ chunk, from, end }: Piece, target: DataView, to: number): number {
  return copyBytes(chunk.view, from, end, target, to);
}

function hasControls({ chunk: { view }, from, end }: Piece): boolean {
  for (let at = from; at < end; at++) {
    const code = view.getUint8(at);
    if (code < 32 || code === 127) return true;
  }
  return false;
}
