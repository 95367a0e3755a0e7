/** Hash of a text, equal for equal texts and good for nothing else: 32 bits, FNV-1a over its UTF-8 bytes. */
export function hashOfText(text: string): number {
  let hash = textHashStart;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 127) return hashOfBytes(Buffer.from(text));
    hash = textHashStep(hash, code);
  }
  return hash;
}

function hashOfBytes(bytes: Uint8Array): number {
  let hash = textHashStart;
  for (const byte of bytes) hash = textHashStep(hash, byte);
  return hash;
}

export const textHashStart = 0x811c9dc5 | 0;

export function textHashStep(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193);
}

const slots = 1 << 14;

/**
 * Decodes texts that come again and again (logins, clients, senders), keeping the latest by hash: comparing bytes costs
 * less than decoding them, and there is one string in memory instead of thousands. Bounded; what is long is not kept.
 */
export class TextCache {
  readonly #texts: string[] = new Array(slots).fill('');

  /** The text in `[from, end)`; `hash` is `textHashStep`'s over its bytes. */
  text(bytes: Buffer, from: number, end: number, hash: number): string {
    const slot = (hash ^ (hash >>> 15)) & (slots - 1);
    const known = this.#texts[slot] ?? '';
    if (known.length === end - from && known.length > 0 && isAscii(known, bytes, from)) return known;
    const text = bytes.toString('utf8', from, end);
    if (text.length <= 128) this.#texts[slot] = text;
    return text;
  }
}

/** Whether `text` is ASCII and stands at `from`. */
function isAscii(text: string, bytes: Uint8Array, from: number): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 127 || code !== bytes[from + index]) return false;
  }
  return true;
}
