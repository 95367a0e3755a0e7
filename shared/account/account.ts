/**
 * The account: what gets stolen. A login is what the log shows; several logins may be one account
 * (`thief`, `Thief@example.org`). The rule is fixed at a hub's first start, because keys are made from it.
 */
export interface AccountRule {
  /** Appended as `@realm` to a login without one. */
  readonly realm?: string | undefined;
  /** Maps one realm to another, both lower-case: `{ 'mail.example.org': 'example.org' }`. */
  readonly realmAliases: Readonly<Record<string, string>>;
}

/**
 * Canonical form of a login: trim, NFC, lower-case, then the realm. `undefined` for an empty login (nobody).
 * Realms are never stripped: `a@x` and `a@y` stay two people.
 */
export function canonicalAccount(login: string, rule: AccountRule): string | undefined {
  const folded = login.trim().normalize('NFC').toLowerCase();
  if (folded === '') return undefined;
  const at = folded.lastIndexOf('@');
  if (at < 0) return rule.realm === undefined ? folded : `${folded}@${rule.realm.toLowerCase()}`;
  const realm = folded.slice(at + 1);
  // A login chooses its realm: `x@constructor` must not find what every object inherits.
  const alias = Object.hasOwn(rule.realmAliases, realm) ? rule.realmAliases[realm] : undefined;
  return alias === undefined ? folded : `${folded.slice(0, at + 1)}${alias}`;
}

/** Key text of an account in every store: identity kinds (`uid`, `client`) come later through the same path. */
export function accountKey(account: string): string {
  return `sasl:${account}`;
}

/**
 * Every spelling of an account that a Postfix access map must hold: the look-up key is the login as typed,
 * case-folded (access(5)), so the bare name and each configured realm form are keys beside the logins seen.
 */
export function spellings(account: string, loginsSeen: readonly string[], rule: AccountRule): string[] {
  const all = new Set([account, ...loginsSeen.map((login) => login.trim().normalize('NFC').toLowerCase())]);
  const at = account.lastIndexOf('@');
  if (at > 0) {
    const name = account.slice(0, at);
    const realm = account.slice(at + 1);
    if (realm === rule.realm?.toLowerCase()) all.add(name);
    for (const [from, to] of Object.entries(rule.realmAliases)) if (to === realm) all.add(`${name}@${from}`);
  }
  all.delete('');
  return [...all].sort();
}
