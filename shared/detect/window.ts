import type { Message } from '../correlate/message.ts';
import { isMessage } from '../correlate/message.ts';

/** An account's messages, newest last, as far back as the longest rule looks; fleet-wide or of one relay. */
export interface Window {
  readonly account: string;
  readonly messages: readonly Message[];
  /** Containments in force, by relay: since when (log time of that relay). */
  readonly containedSinceMicros: ReadonlyMap<string, number>;
}

/** What a detection says about a window: numbers for rules, words for people. */
export interface Signal {
  /** The detection's id: the file's name. */
  readonly detection: string;
  /** Named numbers that rules use: `rotation.senders10m`. */
  readonly values: Readonly<Record<string, number>>;
  readonly evidence: string;
}

/** Pure: same window and time, same signal; undefined where there is nothing to say. */
export interface Detection {
  readonly id: string;
  /** Names of the values, so that a rule which misspells one is refused when it is loaded. */
  readonly values: readonly string[];
  readonly detect: (window: Window, nowMicros: number) => Signal | undefined;
}

/** How far back the core reads, in microseconds. */
export const windowMicros = 10 * 60 * 1_000_000;

const minute = 60 * 1_000_000;

/** Messages that came to be (no RSET leftovers) within the last `minutes`, up to now. */
export function within(window: Window, minutes: number, nowMicros: number): Message[] {
  const from = nowMicros - minutes * minute;
  return window.messages.filter(
    // Log clocks may run a little ahead of ours; what is far ahead was corrected or refused before.
    (message) =>
      isMessage(message) && message.acceptedAtMicros > from && message.acceptedAtMicros <= nowMicros + minute,
  );
}

export function recipientsOf(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + (message.recipients ?? 1), 0);
}
