/**
 * Postfix's policy delegation protocol (SMTPD_POLICY_README): a request is lines of `name=value` and an empty line, the
 * answer `action=…` and an empty line; many requests follow each other on one connection.
 */
export interface PolicyRequest {
  readonly state: 'RCPT' | 'END-OF-MESSAGE' | 'other';
  /** Empty without a login. */
  readonly login: string;
  /** The same for all requests about one message. */
  readonly instance: string;
  /** Postfix names the queue file once the first recipient is accepted. */
  readonly isBegin: boolean;
  /** At RCPT. */
  readonly recipient: string;
  /** At END-OF-MESSAGE. */
  readonly recipientCount: number;
}

export type Received = PolicyRequest | 'malformed';

/** Postfix sends some 30 attributes, each at most a line of SMTP or a certificate's name. */
export const maxRequestBytes = 32_768;

/** Splits a connection's bytes into requests, wherever they are torn or glued. */
export class RequestReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Bytes of a request that is not complete yet. */
  get pendingBytes(): number {
    return this.#rest.length;
  }

  /** `isTooLong`: what follows cannot be understood any more. */
  read(chunk: Buffer): { received: Received[]; isTooLong: boolean } {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const received: Received[] = [];
    while (bytes.length > 0) {
      // A request without any line is its empty line only.
      const end = bytes[0] === 0x0a ? 0 : bytes.indexOf('\n\n') + 1;
      if (end === 0 && bytes[0] !== 0x0a) break;
      received.push(end > maxRequestBytes ? 'malformed' : parseRequest(bytes.toString('utf8', 0, end)));
      bytes = bytes.subarray(end + 1);
    }
    this.#rest = bytes;
    return { received, isTooLong: bytes.length > maxRequestBytes };
  }
}

/** @param text lines, each with its newline */
export function parseRequest(text: string): Received {
  const found = new Map<string, string>();
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf('\n', from);
    const equals = text.indexOf('=', from);
    if (end < 0 || equals <= from || equals > end) return 'malformed';
    const name = text.slice(from, equals);
    if (!found.has(name)) found.set(name, text.slice(equals + 1, end));
    from = end + 1;
  }
  const value = (name: string): string => found.get(name) ?? '';
  const state = value('protocol_state');
  const count = value('recipient_count');
  if (value('request') !== 'smtpd_access_policy' || state === '') return 'malformed';
  const request = {
    login: value('sasl_username'),
    instance: value('instance'),
    isBegin: value('queue_id') === '',
    recipient: value('recipient'),
  };
  if (state !== 'RCPT' && state !== 'END-OF-MESSAGE') return { ...request, state: 'other', recipientCount: 0 };
  if (request.instance === '') return 'malformed';
  if (state === 'RCPT') return { ...request, state, recipientCount: 0 };
  return /^\d{1,7}$/.test(count) ? { ...request, state, recipientCount: Number(count) } : 'malformed';
}
