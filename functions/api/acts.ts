import { HTTPException } from 'hono/http-exception';
import { advance, type Containment, type Finding, IllegalMoveError } from '../../shared/decide/finding.ts';
import type { OutboxEntry } from '../../shared/store/outbox.ts';
import { everything, type Selection, type Term } from '../../shared/wire/selection.ts';
import { type Deps, nudge } from '../deps.ts';

/**
 * A person confirms a finding. With selections the thief's mail is purged and the rest, the owner's own, is released
 * (I12); without any it is confirmed and everything stays held.
 */
export async function approve(
  deps: Deps,
  id: string,
  purge: readonly Term[],
  release: readonly Term[],
  actor: string,
): Promise<Finding> {
  const both = purge.find((one) => release.some((other) => JSON.stringify(one) === JSON.stringify(other)));
  if (both !== undefined) throw new HTTPException(400, { message: `${words([both])}: both to purge and to release` });
  return change(deps, id, 'approved', actor, (finding, containment) => {
    const outbox: OutboxEntry[] = [];
    const { account } = finding;
    if (purge.length > 0) {
      const selection = { include: [...purge], exclude: [] };
      outbox.push({ kind: 'command', act: 'purge', account, findingId: id, selection, actor });
    }
    if (purge.length === 0 && release.length === 0) return { outbox, detail: 'confirmed; everything stays held' };
    const rest: Selection = { include: [...release], exclude: [...purge] };
    outbox.unshift({ kind: 'desired' });
    outbox.push({ kind: 'command', act: 'release', account, findingId: id, selection: rest, actor });
    const detail = `purge ${words(purge)}; release ${release.length === 0 ? 'the rest' : words(release)}`;
    if (containment === undefined) return { outbox, detail };
    // Relays must not hold again what was released: it is part of what they keep in force.
    const released = [...containment.released, { selection: rest, before: deps.nowMs() }].slice(-32);
    return { outbox, detail, containment: { ...containment, released } };
  });
}

/** A false positive: the containment goes, and everything of the account that is held is released. */
export async function undo(deps: Deps, id: string, actor: string): Promise<Finding> {
  return change(deps, id, 'undone', actor, ({ account }) => ({
    outbox: [
      { kind: 'desired' },
      { kind: 'command', act: 'release', account, findingId: id, selection: everything, actor },
    ],
    containment: null,
    detail: 'containment lifted, release of everything held ordered',
  }));
}

interface Effect {
  readonly outbox: readonly OutboxEntry[];
  readonly detail: string;
  readonly containment?: Containment | null;
}

/** One act on a finding: read, move, save in one transaction; once more if somebody else was quicker. */
async function change(
  deps: Deps,
  id: string,
  what: 'approved' | 'undone',
  actor: string,
  effectOf: (finding: Finding, containment: Containment | undefined) => Effect,
): Promise<Finding> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const read = await deps.findings.get(id);
    if (read === undefined) throw new HTTPException(404, { message: `no finding ${id}` });
    const { accountVersion } = await deps.findings.ofAccount(read.value.account);
    const { outbox, detail, containment } = effectOf(read.value, await deps.findings.containmentOf(read.value.account));
    const at = deps.nowMs();
    const finding = moved(read.value, { at, actor, what, detail });
    const audit = { at, actor, what, subject: id, detail };
    const base = { finding, version: read.version, accountVersion, outbox, audit, id: deps.newId() };
    if (await deps.findings.save(containment === undefined ? base : { ...base, containment })) {
      await nudge(deps);
      return finding;
    }
  }
  throw new HTTPException(409, { message: `finding ${id} keeps changing; try again` });
}

function moved(finding: Finding, entry: Parameters<typeof advance>[1]): Finding {
  try {
    return advance(finding, entry);
  } catch (error) {
    if (error instanceof IllegalMoveError) throw new HTTPException(409, { message: error.message });
    throw error;
  }
}

function words(terms: readonly Term[]): string {
  return terms.length === 0 ? 'nothing' : terms.map(word).join(', ');
}

function word(each: Term): string {
  return 'since' in each ? `since ${new Date(each.since).toISOString()}` : Object.entries(each).flat().join(' ');
}
