import type { LinesMessage } from '../shared/wire/events.ts';
import { packLines } from '../shared/wire/lines.ts';
import type { Line } from './lines.ts';

/**
 * Words of which each line that the hub makes a fact of has one, in any form that shared/parse reads; the same list as in
 * vector/*.yaml, so that both ship the same (test/vector.test.ts). `postfix ` and `postfix"`: rsyslog's RFC 5424 and journals
 * may cut the program's name off.
 */
const marks = [
  '/smtpd',
  'status=',
  'qmgr',
  '/cleanup',
  '/pickup',
  'postsuper',
  '/bounce',
  'dovecot',
  'MailScanner',
  'postfix ',
  'postfix"',
];

/** Only what somebody central reads leaves the host. */
export function leavesHost(text: string): boolean {
  return marks.some((mark) => text.includes(mark));
}

const maxLines = 300;
const maxLineBytes = 2_048;
/** Text that does not compress at all grows by a third in base64: the body stays below 200 KB whatever is in it. */
const maxTextBytes = 140_000;

/** Collects lines of one chain of one file into a {@link LinesMessage}; lines that stay here count in its range. */
export class Packer {
  readonly #head: Pick<LinesMessage, 'v' | 'kind' | 'relay' | 'file' | 'zone'>;
  #text = '';
  #textBytes = 0;
  #lines = 0;
  #all = 0;
  #from = 0;
  #to = 0;

  constructor(options: { relay: string; file: string; zone: string }) {
    this.#head = { v: 1, kind: 'lines', ...options };
  }

  get isEmpty(): boolean {
    return this.#all === 0;
  }

  get isFull(): boolean {
    return this.#lines >= maxLines || this.#textBytes >= maxTextBytes;
  }

  /** False, and nothing done, if the line begins another chain or does not fit: {@link take} first. */
  add(line: Line): boolean {
    if (!this.isEmpty && (line.offset !== this.#to || this.isFull)) return false;
    if (leavesHost(line.text)) {
      const entry = `${line.offset} ${cut(line.text)}\n`;
      const bytes = Buffer.byteLength(entry);
      if (!this.isEmpty && this.#textBytes + bytes > maxTextBytes) return false;
      this.#text += entry;
      this.#textBytes += bytes;
      this.#lines += 1;
    }
    if (this.isEmpty) this.#from = line.offset;
    this.#all += 1;
    this.#to = line.end;
    return true;
  }

  /** The pack, and a new one begins. */
  take(): LinesMessage {
    const b = packLines(this.#text);
    const message = { ...this.#head, n: this.#lines, all: this.#all, from: this.#from, to: this.#to, b };
    this.#text = '';
    this.#textBytes = 0;
    this.#lines = 0;
    this.#all = 0;
    return message;
  }
}

function cut(text: string): string {
  // Most lines are far shorter: no character has more than three bytes per UTF-16 unit.
  if (text.length * 3 <= maxLineBytes) return text;
  return Buffer.from(text).toString('utf8', 0, maxLineBytes);
}
