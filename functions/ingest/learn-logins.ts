import { advance, type Containment } from '../../shared/decide/finding.ts';
import { type Deps, nudge } from '../deps.ts';

/** Spellings kept per account (I11): relays learn further ones from the queue files. */
const maxLogins = 100;
const maxDetailLength = 1000;

export function unknownLogins(containment: Containment, seen: Iterable<string>): string[] {
  const room = Math.max(0, maxLogins - containment.logins.length);
  return [...seen].filter((login) => !containment.logins.includes(login)).slice(0, room);
}

/**
 * Spellings first seen after the containment: every relay's map gets them. Saved under the finding's version, so that
 * an undo or an approval of the same moment is never overwritten with what was in force before it.
 */
export async function learnLogins(deps: Deps, account: string, seen: Iterable<string>): Promise<void> {
  const logins = [...seen];
  for (let attempt = 0; attempt < 10; attempt++) {
    const { open, accountVersion } = await deps.findings.ofAccount(account);
    // Read after the finding: whoever changes it later changes the finding too.
    const containment = await deps.findings.containmentOf(account);
    if (open === undefined || containment?.findingId !== open.value.id) return;
    const fresh = unknownLogins(containment, logins);
    if (fresh.length === 0) return;
    const at = deps.nowMs();
    const names = fresh.map((login) => JSON.stringify(login)).join(', ');
    const detail = `logs in as ${names} too`.slice(0, maxDetailLength);
    const finding = advance(open.value, { at, actor: 'hub', what: 'signal', detail });
    const saved = await deps.findings.save({
      finding: { ...finding, logins: [...new Set([...finding.logins, ...fresh])].slice(0, maxLogins) },
      version: open.version,
      accountVersion,
      containment: { ...containment, logins: [...containment.logins, ...fresh] },
      outbox: [{ kind: 'desired' }],
      audit: { at, actor: 'hub', what: 'signal', subject: finding.id, detail },
      id: deps.newId(),
    });
    if (saved) return nudge(deps);
  }
  throw new Error(`the finding of ${account} is changing too fast`);
}
