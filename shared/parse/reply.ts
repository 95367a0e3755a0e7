import type { DeliveryStatus } from './record.ts';

/** What a refusal or a deferral is about. Greylisting is no failure; `other` is what no row of the table names. */
export type ReplyClass =
  | 'unknown-user'
  | 'mailbox-full'
  | 'reputation-block'
  | 'content-reject'
  | 'rate-limit'
  | 'auth-policy'
  | 'network'
  | 'greylisted'
  | 'other';

interface Row {
  readonly replyClass: ReplyClass;
  /** Only for refusals that may pass by themselves. */
  readonly temporaryOnly?: true;
  /** Enhanced status codes (RFC 3463) that say it without words. */
  readonly dsn?: RegExp;
  readonly text: RegExp;
}

/**
 * The first row that fits counts; within a row, words or code suffice. Texts are those of the large providers and
 * blocklists, in small letters, with addresses taken out. No row may backtrack: plain alternatives, no open repeats.
 */
const table: readonly Row[] = [
  {
    replyClass: 'greylisted',
    temporaryOnly: true,
    text: /gr[ea]y[ -]?list|postgrey|triplet|first[ -]time sender|try again in \d{1,5} (?:sec|min)|internal resources? (?:is|are) temporarily/,
  },
  {
    replyClass: 'reputation-block',
    // Microsoft: banned sending IP; traffic not accepted from this IP.
    dsn: /^5\.7\.(?:6[0-4]\d|511|708)$/,
    text: /black[ -]?list|block[ -]?list|black listed|\bdnsbl\b|\brbl\b|blocked using|(?:listed|blocked) (?:at|by|on|in) \S{1,60}\.(?:org|net|com|de|zone)\b|spamhaus|spamcop|barracudacentral|\bsorbs\b|uceprotect|abusix|mailspike|invaluement|spamrats|manitu\.net|senderscore|cloudmark|ipcheck\.proofpoint|mail-abuse\.com|reputation|\(s31[45]0\)|banned send|\[tss\d\d\]|user complaints|permanently deferred|_is_blocked|#bl0000|\bbl0000\d\d\b|tosa@rx\.t-online|suspected spam ip/,
  },
  {
    replyClass: 'mailbox-full',
    dsn: /^[45]\.2\.2$/,
    text: /mailbox (?:is )?full|mail ?box.{0,40}(?:quota|exceed)|over ?quota|quotaexceeded|out of storage|storage (?:limit|allocation)|inbox is full/,
  },
  {
    replyClass: 'rate-limit',
    dsn: /^[45]\.(?:7\.28|7\.705|5\.3|4\.5)$/,
    text: /rate[ -]?limit|unusual rate|at a rate that|too (?:many|much|fast|quickly)|throttl|unexpected volume|sending (?:limit|quota)|exceeded (?:its|your|the) (?:limit|threshold|rate)|limit exceeded|per (?:hour|minute|day)\b|server (?:is )?busy|slow down|frequency limited|service refused, please try later/,
  },
  {
    replyClass: 'auth-policy',
    dsn: /^[45]\.7\.(?:2\d|509|515)$/,
    text: /\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated|authentication (?:is )?required|relay(?:ing)? (?:access )?denied|not permitted to relay|reverse dns|\brdns\b|\bptr\b|cannot find your|sender verif|sender address rejected|helo command rejected|access denied|local policy|policy (?:reasons|restrictions|violation)|dialup|bad outbound sender|from address not verified/,
  },
  {
    replyClass: 'content-reject',
    dsn: /^[45]\.6\./,
    text: /\bspam|unsolicited|virus|malware|phish|suspicious|\bsurbl\b|\buribl\b|message content|content (?:denied|rejected|filter)|rejected by (?:content|filter)|:blocked\)|\bdt:spm|\bmi:spb/,
  },
  {
    replyClass: 'network',
    dsn: /^[45]\.4\.[1-7]$/,
    text: /connection (?:refused|reset|timed out)|timed out|no route to host|network is unreachable|lost connection|host (?:or domain name )?not found|name service error|cannot start tls|tls (?:handshake|is required)|server certificate/,
  },
];

/** Strangers write replies; what matters of one stands at its beginning. */
const maxReply = 1000;

/**
 * The class of one delivery line (`dsn` and `reply` as logged). Only a permanent 5.1.x counts as an unknown user, and
 * not where it speaks of the sender (5.1.7, 5.1.8).
 */
export function replyClass(status: DeliveryStatus, dsn: string | undefined, reply: string): ReplyClass {
  if (status === 'sent' || status === 'deliverable') return 'other';
  const temporary = status === 'deferred';
  if (!temporary && dsn !== undefined && /^5\.1\.(?:[0-69]|10)$/.test(dsn)) return 'unknown-user';
  const text = words(reply);
  for (const row of table) {
    if (row.temporaryOnly === true && !temporary) continue;
    if (row.text.test(text) || (dsn !== undefined && row.dsn?.test(dsn) === true)) return row.replyClass;
  }
  return 'other';
}

/** The remote's own words: without the names of hosts and people, which may read like anything. */
function words(reply: string): string {
  const said = reply.indexOf('] said: ');
  const text = reply.slice(said < 0 ? 0 : said + '] said: '.length).slice(0, maxReply);
  return text.replaceAll(/<[^<>]{0,320}>/g, '<>').toLowerCase();
}
