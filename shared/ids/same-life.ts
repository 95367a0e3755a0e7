import type { Message } from '../correlate/lives.ts';
import type { Owned } from './columns.ts';

/** Two beginnings within this span are one life's (the core's own measure). */
const sameLifeMicros = 1_000_000;

/** What was found about a life by its links. */
export function ownedOf(owned: readonly Owned[] | undefined, life: Message): Owned | undefined {
  return owned?.find(({ startMicros }) => Math.abs(startMicros - life.acceptedAtMicros) <= sameLifeMicros);
}

/** Whether the row of a life is out: `printed` are the starts of those that are. */
export function isPrinted(printed: readonly number[] | undefined, life: Message): boolean {
  return printed?.some((start) => Math.abs(start - life.acceptedAtMicros) <= sameLifeMicros) ?? false;
}
