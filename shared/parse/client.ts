import { decimal, digitAt } from './scan.ts';

/**
 * `NAME[ADDRESS]` or, with smtpd_client_port_logging, `NAME[ADDRESS]:PORT`: how smtpd names its client. The name is
 * the client's own PTR record, but smtpd only takes one that is a hostname and resolves back, so it holds no blank,
 * comma or bracket.
 */
export interface Client {
  readonly name: string;
  readonly address: string;
  readonly port?: number;
  /** Index after it. */
  readonly end: number;
}

/** A hostname has at most 255 characters, an IPv6 address with its zone fewer than 64. */
const maxName = 255;
const maxAddress = 64;

/** The client at `from`; `undefined` if none is written there. */
export function clientAt(line: string, from: number): Client | undefined {
  const open = line.indexOf('[', from);
  if (open <= from || open - from > maxName) return undefined;
  const close = line.indexOf(']', open);
  if (close <= open + 1 || close - open > maxAddress) return undefined;
  const blank = line.indexOf(' ', from);
  if (blank >= 0 && blank < close) return undefined;
  const name = line.slice(from, open);
  const address = line.slice(open + 1, close);
  if (line.charCodeAt(close + 1) !== 58 || digitAt(line, close + 2) < 0) return { name, address, end: close + 1 };
  let end = close + 2;
  while (digitAt(line, end) >= 0) end += 1;
  const port = decimal(line, close + 2, end);
  return port <= 65_535 ? { name, address, port, end } : undefined;
}
