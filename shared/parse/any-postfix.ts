import { parseBounce } from './bounce.ts';
import { parseCleanup } from './cleanup.ts';
import { parseDelivery } from './delivery.ts';
import { afterId, endOfId, type Grammar } from './grammar.ts';
import { parsePickup } from './pickup.ts';
import { parsePostsuper } from './postsuper.ts';
import { parseQmgr } from './qmgr.ts';
import type { Head, Parsed } from './record.ts';
import { isAt } from './scan.ts';
import { parseSmtpd } from './smtpd.ts';

/** How a record begins after its ID, and who writes it: no other program begins a record with these words. */
const beginnings: readonly (readonly [string, string, Grammar])[] = [
  ['client=', 'smtpd', parseSmtpd],
  ['message-id=', 'cleanup', parseCleanup],
  ['resent-message-id=', 'cleanup', parseCleanup],
  ['from=<', 'qmgr', parseQmgr],
  ['removed', 'qmgr', parseQmgr],
  ['uid=', 'pickup', parsePickup],
  ['to=<', 'smtp', parseDelivery],
  ['sender ', 'bounce', parseBounce],
  ['postmaster ', 'bounce', parseBounce],
  ['placed on hold', 'postsuper', parsePostsuper],
  ['released from hold', 'postsuper', parsePostsuper],
  ['requeued', 'postsuper', parsePostsuper],
];

/** Reads a text of whichever Postfix program, where the prefix lost its name. Texts without an ID are read as smtpd's. */
export function parseAnyPostfix(line: string, at: number, head: Head): Parsed {
  const idEnd = endOfId(line, at);
  const next = idEnd < 0 ? -1 : afterId(line, idEnd);
  const [, program, grammar] = beginnings.find(([word]) => next >= 0 && isAt(line, word, next)) ?? [
    '',
    'smtpd',
    parseSmtpd,
  ];
  return grammar(line, at, { ...head, program });
}
