/** Who submits in the comparison with real Postfix: 20 accounts, some of whose names read like log lines. */
export const realm = 'lab.test';
export const password = 'secret';

const plain = Array.from({ length: 16 }, (_, index) => `user${String(index + 1).padStart(2, '0')}@${realm}`);
const odd = [
  `two words@${realm}`,
  `x, sasl_username=user01@${realm}`,
  `o'neil "q" [127.0.0.1]@${realm}`,
  `a\\b@${realm}`,
];

/** As typed. The last is another spelling of `user05`. */
export const logins: readonly string[] = [...plain, ...odd, `User05@${realm}`];

/** How the command names a login's account where no realm is configured. */
export function accountOf(login: string): string {
  return login.toLowerCase();
}

/** Each login's mail is addressed to names of its own, which survive filters, requeues and notices' envelopes. */
export function recipientOf(login: string, number: number, domain: string): string {
  return `u${logins.indexOf(login)}.${number}@${domain}`;
}

/** Whose mail it is that goes to this recipient; undefined: nobody's. */
export function ownerOf(recipient: string): string | undefined {
  const index = /^u(\d+)\./.exec(recipient)?.[1];
  return index === undefined ? undefined : logins[Number(index)];
}
