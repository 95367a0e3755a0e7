/** Who plays in the story of a stolen account, and from where. Data only. */

export interface User {
  readonly login: string;
  /** Own mail address: envelope sender, and what the thief forges. */
  readonly address: string;
  /** Own loopback address, in 127.10.0.0/16. */
  readonly client: string;
}

export interface Cast {
  readonly realm: string;
  readonly users: readonly User[];
  /** The stolen account's owner, at home. */
  readonly owner: User;
  readonly thief: {
    /** The stolen login as the thief types it: one account, several spellings. */
    readonly logins: readonly string[];
    /** In 127.66.0.0/16. */
    readonly clients: readonly string[];
    /** Envelope senders in the order he rotates them; some are {@link Cast.users}' own. */
    readonly senders: readonly string[];
  };
  /** Everything that can log in, for the relays' password databases. */
  readonly credentials: readonly { readonly login: string; readonly password: string }[];
}

export const password = 'correct-horse';
/** Where the thief comes from: the selection that a purge names. */
export const thiefNetwork = '127.66.0.0/16';

const names = ['anna', 'ben', 'clara', 'david', 'emma', 'felix', 'greta', 'hugo', 'ida', 'jonas', 'katja', 'lena'];

export function makeCast(realm: string): Cast {
  const users = names.map((login, index) => ({
    login,
    address: `${login}@${realm}`,
    client: `127.10.${index + 1}.${10 + index}`,
  }));
  const logins = ['thief', `Thief@${realm}`, `thief@${realm}`];
  return {
    realm,
    users,
    owner: { login: 'thief', address: `thief@${realm}`, client: '127.10.200.7' },
    thief: {
      logins,
      clients: ['127.66.3.4', '127.66.17.8', '127.66.201.30'],
      senders: forgedSenders(users.slice(0, 4).map((user) => user.address)),
    },
    // `thief@realm` comes with `thief` by itself; the capital T is another entry for a case-sensitive database.
    credentials: [...users.map((user) => user.login), 'thief', `Thief@${realm}`].map((login) => ({ login, password })),
  };
}

/** AA@ to ZC@, and after every sixth of them somebody's real address. */
function forgedSenders(real: readonly string[]): string[] {
  const senders: string[] = [];
  for (let index = 0; index < 78; index++) {
    senders.push(`${String.fromCharCode(65 + (index % 26))}${'ABC'[Math.floor(index / 26)]}@forged.test`);
    const victim = real[Math.floor(index / 6) % real.length];
    if (index % 6 === 5 && victim !== undefined) senders.push(victim);
  }
  return senders;
}
