import { advance } from '../../shared/decide/finding.ts';
import { type Deps, nudge } from '../deps.ts';

/** Containments end by themselves; relays drop them at the same time by their own copy of the end. */
export async function expireContainments(deps: Deps): Promise<void> {
  const now = deps.nowMs();
  for (const containment of await deps.findings.containments()) {
    if (containment.until > now) continue;
    const { open, accountVersion } = await deps.findings.ofAccount(containment.account);
    if (open === undefined) continue;
    const detail = `${containment.mode} of ${containment.account} ended as decided`;
    const saved = await deps.findings.save({
      finding: advance(open.value, { at: now, actor: 'hub', what: 'ended', detail }),
      version: open.version,
      accountVersion,
      containment: null,
      outbox: [{ kind: 'desired' }],
      audit: { at: now, actor: 'hub', what: 'ended', subject: open.value.id, detail },
      id: deps.newId(),
    });
    if (saved) await nudge(deps);
  }
}
