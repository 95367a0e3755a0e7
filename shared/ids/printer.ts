import { isMessage, type Message } from '../correlate/lives.ts';
import { at, flag, text } from './columns.ts';
import { type Remembered, relayHashOf } from './remembered.ts';
import { type IdRow, rowOf } from './row.ts';
import { isPrinted, ownedOf } from './same-life.ts';
import type { Traces } from './traces.ts';

/**
 * When a life's row comes: once it is known to be a message; at its end (what has no end: at the end of input); or at
 * the end of input and only if it has no end.
 */
export type RowsWhen = 'known' | 'ended' | 'open';

/** Takes rows. */
export interface RowSink {
  row(row: IdRow): void;
  /**
   * The row of a simple trace that has its account's own login (`direct`), from its columns; false: make an IdRow.
   * Decoding what is only copied out again costs as much as all else about a row.
   */
  direct?(traces: Traces, slot: number): boolean;
}

/** Which rows of the traces in memory are certain, and not out yet. */
export class Printer {
  readonly #traces: Traces;
  readonly #remembered: Remembered;
  readonly #when: RowsWhen;
  readonly #outcomes: boolean;
  readonly #sink: RowSink;

  constructor(
    traces: Traces,
    remembered: Remembered,
    options: { readonly rows: RowsWhen; readonly outcomes: boolean; readonly sink: RowSink },
  ) {
    this.#traces = traces;
    this.#remembered = remembered;
    this.#when = options.rows;
    this.#outcomes = options.outcomes;
    this.#sink = options.sink;
  }

  /** Prints what is known of a trace by now, where rows come early. */
  show(slot: number): void {
    if (this.#when !== 'known' || !this.#mayHaveRows(slot)) return;
    if (this.#traces.isSimple(slot)) this.#showSimple(slot);
    else if (this.#traces.columns.is(slot, flag.settled))
      for (const life of this.#traces.lives(slot)) this.#showLife(slot, life);
  }

  /** Prints the lives of a trace that are over, where rows come at the end of lives. */
  showEnded(slot: number): void {
    if (this.#when !== 'ended' || !this.#mayHaveRows(slot)) return;
    for (const life of this.#traces.lives(slot)) if (life.removedAtMicros !== undefined) this.#showLife(slot, life);
  }

  /** Whether a row of this trace may still be due. */
  isDue(slot: number): boolean {
    const { columns } = this.#traces;
    const owned = columns.side(slot)?.owned;
    if (!this.#traces.isNamed(slot) && owned === undefined) return false;
    if (this.#traces.isSimple(slot) && owned === undefined) {
      return !columns.is(slot, flag.printed) && !(this.#when === 'open' && columns.time(slot, at.ended) >= 0);
    }
    return this.#traces
      .lives(slot)
      .some(
        (life) =>
          this.#loginOf(slot, life) !== undefined &&
          !this.#isPrinted(slot, life) &&
          !(this.#when === 'open' && life.removedAtMicros !== undefined),
      );
  }

  /** An ID of a late run that was remembered before is judged at the end. */
  #mayHaveRows(slot: number): boolean {
    const { columns } = this.#traces;
    if (columns.side(slot)?.owned === undefined && !this.#traces.isNamed(slot)) return false;
    if (!columns.is(slot, flag.late)) return true;
    return !this.#remembered.has(relayHashOf(columns.placeOf(slot).relay.number, columns.idHashOf(slot)));
  }

  #showSimple(slot: number): void {
    const { columns } = this.#traces;
    if (columns.is(slot, flag.printed) || !this.#traces.exists(slot)) return;
    // A hold is logged before qmgr has told the sender.
    if (columns.time(slot, at.queued) < 0 && !columns.is(slot, flag.settled)) return;
    const side = columns.side(slot);
    if (side === undefined && this.#sink.direct?.(this.#traces, slot)) {
      columns.mark(slot, flag.printed);
      return;
    }
    const own = this.#traces.text(slot, text.login);
    const login = own === '' ? side?.owned?.[0]?.login : own;
    if (login === undefined) return;
    columns.mark(slot, flag.printed);
    const { relay, instance } = columns.placeOf(slot);
    this.#sink.row({
      relay: relay.name,
      instance,
      queueId: columns.textOf(slot, text.id),
      login,
      acceptedAtMicros: this.#traces.beginning(slot),
      attribution: own === '' ? 'derived' : 'direct',
      sender: this.#traces.text(slot, text.sender),
      client: this.#traces.text(slot, text.client),
    });
  }

  #showLife(slot: number, life: Message): void {
    const login = this.#loginOf(slot, life);
    if (login === undefined || !isMessage(life) || this.#isPrinted(slot, life)) return;
    const side = this.#traces.columns.makeSide(slot);
    side.printed ??= [];
    side.printed.push(life.acceptedAtMicros);
    this.#sink.row(rowOf(life, login, this.#outcomes));
  }

  #loginOf(slot: number, life: Message): string | undefined {
    return life.login ?? ownedOf(this.#traces.columns.side(slot)?.owned, life)?.login;
  }

  #isPrinted(slot: number, life: Message): boolean {
    const { columns } = this.#traces;
    if (isPrinted(columns.side(slot)?.printed, life)) return true;
    return columns.is(slot, flag.printed) && isPrinted([this.#traces.beginning(slot)], life);
  }
}
