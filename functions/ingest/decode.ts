import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type LinesMessage, linesMessage } from '../../shared/wire/events.ts';
import { unpackLines } from '../../shared/wire/lines.ts';

export interface Decoded {
  readonly message: LinesMessage;
  readonly lines: readonly string[];
  /** Names the part: the same body is the same part. */
  readonly bodyHash: string;
}

/** A message body as lines, or what is wrong with it. */
export function decode(body: string): Decoded | { readonly fault: string } {
  try {
    const parsed = linesMessage.safeParse(JSON.parse(body));
    if (!parsed.success) return { fault: `no lines message: ${z.prettifyError(parsed.error)}` };
    const bodyHash = createHash('sha256').update(body).digest('base64url').slice(0, 22);
    const lines = unpackLines(parsed.data);
    const { n } = parsed.data;
    if (lines.length !== n) return { fault: `no lines message: it says ${n} lines and holds ${lines.length}` };
    return { message: parsed.data, lines, bodyHash };
  } catch (error) {
    return { fault: `no lines message: ${error instanceof Error ? error.message : String(error)}` };
  }
}
