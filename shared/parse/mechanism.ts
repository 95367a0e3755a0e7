/**
 * The name of a SASL mechanism: 1 to 20 letters, digits, hyphens and underscores (RFC 4422 §3.1); lower case too, since
 * smtpd logs it as the client wrote it. One rule for the parser, which has text, and for the lanes of `ids`, which have
 * bytes: what it lets through names an account (I1).
 */
const maxLength = 20;

export function isMechanism(text: string): boolean {
  if (text.length < 1 || text.length > maxLength) return false;
  for (let at = 0; at < text.length; at++) if (!isMechanismCode(text.charCodeAt(at))) return false;
  return true;
}

/** End of the mechanism that begins at `from`; `from` itself where none does. */
export function endOfMechanism(view: DataView, from: number, end: number): number {
  const limit = Math.min(end, from + maxLength);
  let at = from;
  while (at < limit && isMechanismCode(view.getUint8(at))) at += 1;
  return at;
}

function isMechanismCode(code: number): boolean {
  const isLetter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
  return isLetter || (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x5f;
}
