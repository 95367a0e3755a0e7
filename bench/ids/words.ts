import type { Dice } from './dice.ts';

/** Names and texts of a made-up mail server's day. */
export interface Account {
  readonly login: string;
  /** As the command prints it. */
  readonly account: string;
  readonly clients: readonly string[];
  /** Mails in comparison with others. */
  readonly weight: number;
}

const names = 'anna ben clara david emma felix greta hugo ida jonas katja lena max nina oskar paula'.split(' ');
const domains = ['example.org', 'example.com', 'example.net', 'lab.test'];
/** Names that read like log lines, or like numbers; one is somebody else’s in part. */
const odd = [
  'a b',
  'x, sasl_username=anna1@example.org',
  '1e5',
  'sasl_method=PLAIN',
  'back\\slash',
  '"q"',
  'o[1.2.3.4]',
];

export function makeAccounts(count: number, dice: Dice): Account[] {
  return Array.from({ length: count }, (_, index) => {
    const name = odd[index] ?? `${names[index % names.length]}${Math.floor(index / names.length)}`;
    const full = name.includes('@') ? name : `${name}@${domains[index % domains.length]}`;
    const login = dice.chance(0.1) ? full.toUpperCase() : full;
    const clients = Array.from({ length: 1 + dice.below(3) }, () => address(dice));
    return { login, account: login.toLowerCase(), clients, weight: 1 / (1 + index) };
  });
}

export function address(dice: Dice): string {
  if (dice.chance(0.06)) return `2001:db8:${dice.below(65_536).toString(16)}::${dice.below(65_536).toString(16)}`;
  const first = dice.pick([78, 81, 84, 91, 109, 185, 188, 203]);
  return `${first}.${dice.below(256)}.${dice.below(256)}.${1 + dice.below(254)}`;
}

/** `NAME[ADDRESS]`, with a name where its owner has one in the DNS. */
export function clientOf(ip: string, dice: Dice): string {
  if (ip.includes(':') || dice.chance(0.4)) return `unknown[${ip}]`;
  return `host-${ip.replaceAll('.', '-')}.dyn.example-isp.test[${ip}]`;
}

export function stranger(dice: Dice): string {
  return `${dice.pick(names)}${dice.below(5000)}@${remote(dice)}`;
}

export function remote(dice: Dice): string {
  return dice.chance(0.5)
    ? dice.pick(['mail-big.test', 'webmail-co.test', 'freemail.test', 'outlookish.test'])
    : `firm${dice.below(3000)}.test`;
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
export function token(length: number, dice: Dice): string {
  return Array.from({ length }, () => letters[dice.below(letters.length)]).join('');
}

/** A message-id: mostly plain, now and then with a stranger's bait in it. */
export function messageId(dice: Dice, from: string): string {
  const domain = from.slice(from.lastIndexOf('@') + 1);
  if (dice.chance(0.003)) return `<${token(8, dice)}, sasl_method=PLAIN, sasl_username=anna1@example.org@${domain}>`;
  return dice.chance(0.5)
    ? `<${token(24, dice)}@${domain}>`
    : `<${token(8, dice)}-${token(4, dice)}-${token(12, dice)}@mail.${domain}>`;
}

/** What next hops say: accepted, not now, never. */
export function acceptedReply(dice: Dice): string {
  const kind = dice.below(4);
  if (kind === 0) return `250 2.0.0 OK  17${dice.below(1e8)} ${token(14, dice)}.${dice.below(999)} - gsmtp`;
  if (kind === 1)
    return `250 2.6.0 <${token(12, dice)}@x.test> [InternalId=${dice.below(1e12)}, Hostname=AM0.test] 9734 bytes in 0.1, 90.2 KB/sec Queued mail for delivery`;
  if (kind === 2)
    return `250 2.0.0 Ok: queued as ${token(11, dice)
      .toUpperCase()
      .replaceAll(/[^0-9A-F]/g, 'A')}`;
  return `250 OK id=1${token(5, dice)}-${token(6, dice)}-${token(2, dice)}`;
}

export const deferrals: readonly { dsn: string; reply: string }[] = [
  { dsn: '4.4.1', reply: 'connect to mx.firm.test[198.51.100.9]:25: Connection timed out' },
  {
    dsn: '4.7.0',
    reply:
      'host mx.mail-big.test[198.51.100.20] said: 421-4.7.0 unsolicited mail originating from your IP address. To protect our 421-4.7.0 users from spam, mail sent from your IP address has been temporarily 421 4.7.0 rate limited. (in reply to end of DATA command)',
  },
  {
    dsn: '4.2.2',
    reply:
      'host mx.freemail.test[198.51.100.30] said: 452 4.2.2 The email account that you tried to reach is over quota (in reply to RCPT TO command)',
  },
  {
    dsn: '4.2.0',
    reply:
      'host mx.firm.test[198.51.100.40] said: 450 4.2.0 <x@firm.test>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/firm.test.html (in reply to RCPT TO command)',
  },
  {
    dsn: '4.4.3',
    reply: 'Host or domain name not found. Name service error for name=firm.test type=MX: Host not found, try again',
  },
];

export const refusals: readonly { dsn: string; reply: string }[] = [
  {
    dsn: '5.1.1',
    reply:
      "host mx.mail-big.test[198.51.100.20] said: 550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking the recipient's email address for typos or 550 5.1.1 unnecessary spaces. (in reply to RCPT TO command)",
  },
  {
    dsn: '5.7.1',
    reply:
      "host mx.outlookish.test[198.51.100.50] said: 550 5.7.1 Unfortunately, messages from [203.0.113.5] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150). (in reply to MAIL FROM command)",
  },
  {
    dsn: '5.4.4',
    reply: 'Host or domain name not found. Name service error for name=firm.tset type=AAAA: Host not found',
  },
  {
    dsn: '5.7.1',
    reply:
      'host mx.firm.test[198.51.100.60] said: 554 5.7.1 Service unavailable; Client host [203.0.113.5] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/203.0.113.5 (in reply to RCPT TO command)',
  },
];
