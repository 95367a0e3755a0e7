/** Value of the digit at `at`, or -1. */
export function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57 ? code - 48 : -1;
}

/** The whole number written in `[from, to)`; NaN unless these are decimal digits, one at least and fifteen at most. */
export function decimal(text: string, from: number, to: number): number {
  if (from >= to || to - from > 15) return Number.NaN;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = digitAt(text, at);
    if (digit < 0) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** `text.startsWith(word, at)`, but quick to say no: the call costs more than a glance at the first character. */
export function isAt(text: string, word: string, at: number): boolean {
  return text.charCodeAt(at) === word.charCodeAt(0) && text.startsWith(word, at);
}

/** Index after a syslog priority `<22>`, which some daemons leave in front; 0 where none stands. */
export function endOfPriority(line: string): number {
  if (line.charCodeAt(0) !== 60) return 0;
  let at = 1;
  while (at < 4 && digitAt(line, at) >= 0) at += 1;
  return at > 1 && line[at] === '>' ? at + 1 : 0;
}
