/**
 * The envelope of a Postfix queue file: records of one type byte, a length in groups of seven bits (least first, the
 * high bit means more), and the bytes. What smtpd knows (`A` attributes, `S` sender) stands before the first
 * recipient; the text of the mail begins at `M`. Nothing here is chosen by text in the mail: a record's end comes
 * from its length, never from its bytes.
 */
export interface Envelope {
  /** False if the bytes ended before the first recipient: read more, or the file is still being written. */
  readonly whole: boolean;
  /** Verbatim `sasl_username`. */
  readonly login?: string;
  /** `create_time`; absent in a file whose first records are not written yet. */
  readonly createdSeconds?: number;
  readonly sender: string;
  readonly client?: string;
  readonly logIdent?: string;
  /** As cleanup counted them; in the first record (`C`), which it fills in when the message is complete. */
  readonly recipients?: number;
}

/** More than any envelope before its first recipient: each field is bounded by smtpd's line length limit of 2 KB. */
export const maxEnvelopeBytes = 64 * 1024;

const recipientTypes = new Set(['R', 'O', 'D', 'M']);

/** Never throws; bytes that are no envelope give one without a login. */
export function parseEnvelope(bytes: Buffer): Envelope {
  const attributes = new Map<string, string>();
  let sender: string | undefined;
  let recipients: number | undefined;
  let whole = false;
  let at = 0;
  while (at < bytes.length) {
    const type = String.fromCharCode(bytes[at] ?? 0);
    if (recipientTypes.has(type)) {
      whole = true;
      break;
    }
    const length = recordLength(bytes, at + 1);
    if (length === undefined || length.next + length.value > bytes.length) break;
    at = length.next + length.value;
    if (type !== 'A' && type !== 'S' && type !== 'C') continue;
    const text = bytes.toString('utf8', length.next, at);
    if (type === 'C') {
      // Message size, offset of its content, recipients, then what only qmgr wants.
      recipients ??= Number(text.trim().split(/\s+/)[2]);
      continue;
    }
    if (type === 'S') {
      sender ??= text;
      continue;
    }
    const equals = text.indexOf('=');
    const name = text.slice(0, equals);
    // The first of a name is smtpd's or pickup's own; whatever came after it adds nothing.
    if (equals > 0 && !attributes.has(name)) attributes.set(name, text.slice(equals + 1));
  }
  const created = Number(attributes.get('create_time'));
  return {
    whole,
    sender: sender ?? '',
    ...optional('login', attributes.get('sasl_username')),
    ...optional('client', attributes.get('client_address')),
    ...optional('logIdent', attributes.get('log_ident')),
    ...(Number.isSafeInteger(created) && created > 0 ? { createdSeconds: created } : {}),
    ...(recipients !== undefined && Number.isSafeInteger(recipients) && recipients > 0 ? { recipients } : {}),
  };
}

function recordLength(bytes: Buffer, from: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let shift = 0, at = from; shift <= 28 && at < bytes.length; shift += 7, at++) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, next: at + 1 };
  }
  return undefined;
}

function optional<K extends string>(name: K, value: string | undefined): { [P in K]?: string } {
  if (value === undefined || value === '') return {};
  const one: { [P in K]?: string } = {};
  one[name] = value;
  return one;
}
