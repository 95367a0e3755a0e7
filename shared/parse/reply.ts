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
    text: /gr[ea]y[ -]?list|postgrey|triplet|first[ -]time sender|try again in \d{1,5} (?:sec|min)|internal resources? (?:is|are) temporarily|\[gl01\]|come back later/,
  },
  {
    replyClass: 'reputation-block',
    // Microsoft: banned sending IP; traffic not accepted from this IP.
    dsn: /^5\.7\.(?:6[0-4]\d|511|708)$/,
    text: /black[ -]?list|block[ -]?list|black listed|\bdnsbl\b|\brbl\b|blocked using|(?:listed|blocked) (?:at|by|on|in) \S{1,60}\.(?:org|net|com|de|zone)\b|spamhaus|spamcop|barracudacentral|\bsorbs\b|uceprotect|abusix|mailspike|invaluement|spamrats|manitu\.net|senderscore|cloudmark|ipcheck\.proofpoint|mail-abuse\.com|reputation|\(s31[45]0\)|banned send|\[tss\d\d\]|user complaints|permanently deferred|_is_blocked|#bl0000|\bbl0000\d\d\b|tosa@rx\.t-online|suspected spam ip|\(dyn:t1\)|\(rly:b\d\)|postmaster\.(?:gmx|1und1)\.|in blacklist|poor reputation/,
  },
  {
    replyClass: 'mailbox-full',
    dsn: /^[45]\.2\.2$/,
    text: /mailbox (?:is )?full|mail ?box.{0,40}(?:quota|exceed)|over ?quota|quotaexceeded|out of storage|storage (?:limit|allocation)|inbox is full|user is over the quota|insufficient disk space for user/,
  },
  {
    replyClass: 'rate-limit',
    dsn: /^[45]\.(?:7\.28|7\.705|5\.3|4\.5)$/,
    text: /rate[ -]?limit|unusual rate|at a rate that|too (?:many|much|fast|quickly)|throttl|unexpected volume|sending (?:limit|quota)|exceeded (?:its|your|the) (?:limit|threshold|rate)|limit exceeded|per (?:hour|minute|day)\b|server (?:is )?busy|slow down|frequency limited|service refused, please try later|sessions? opened|quota exceeded|ratelimit|mails? (?:per|an?) (?:hour|day|minute)|receiving mail at a rate|ofr00\d_10\d/,
  },
  {
    // Codes of Apple, Yahoo, AOL and Orange; the words beside them speak of policy only.
    replyClass: 'content-reject',
    text: /\[cs01\]|\[ph01\]|\(hvu:b\d\)|ofr_506/,
  },
  {
    replyClass: 'auth-policy',
    dsn: /^[45]\.7\.(?:2\d|509|515)$/,
    text: /\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated|authentication (?:is )?required|relay(?:ing)? (?:access )?denied|not permitted to relay|reverse dns|\brdns\b|\bptr\b|cannot find your|sender verif|sender address rejected|helo command rejected|access denied|local policy|policy (?:reasons|restrictions|violation)|dialup|bad outbound sender|from address not verified/,
  },
  {
    replyClass: 'content-reject',
    dsn: /^[45]\.6\./,
    text: /\bspam|unsolicited|virus|malware|phish|suspicious|\bsurbl\b|\buribl\b|message content|content (?:denied|rejected|filter)|rejected by (?:content|filter)|:blocked\)|\bdt:spm|\bmi:spb|anti-spoofing|content restrictions/,
  },
  {
    replyClass: 'network',
    dsn: /^[45]\.4\.[1-7]$/,
    text: /connection (?:refused|reset|timed out)|timed out|no route to host|network is unreachable|lost connection|host (?:or domain name )?not found|name service error|cannot start tls|tls (?:handshake|is required)|server certificate/,
  },
];

/** Blocklists by the names that refusals give them, in small letters. */
const blocklists: readonly (readonly [string, RegExp])[] = [
  ['spamhaus', /spamhaus/],
  ['spamcop', /spamcop/],
  ['barracuda', /barracudacentral|barracuda reputation/],
  ['sorbs', /\bsorbs\b/],
  ['uceprotect', /uceprotect/],
  ['backscatterer', /backscatterer/],
  ['abusix', /abusix/],
  ['mailspike', /mailspike/],
  ['invaluement', /invaluement/],
  ['spamrats', /spamrats/],
  ['nixspam', /manitu\.net|nixspam/],
  ['psbl', /\bpsbl\b/],
  ['hostkarma', /hostkarma|junkemailfilter/],
  ['spameatingmonkey', /spameatingmonkey/],
  ['gbudb', /gbudb/],
  ['spfbl', /spfbl/],
  ['0spam', /\b0spam\b/],
  ['senderscore', /sender ?score/],
  ['cloudmark', /cloudmark/],
  ['proofpoint', /proofpoint/],
  ['trendmicro', /mail-abuse\.com|trendmicro/],
  ['mimecast', /csi\.mimecast/],
  ['surbl', /\bsurbl\b/],
  ['uribl', /\buribl\b/],
  ['microsoft', /\(s31[45]0\)|banned sending ip/],
  ['t-online', /tosa@rx\.t-online/],
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

/** The blocklist that a refusal names. */
export function blocklistIn(reply: string): string | undefined {
  const text = words(reply);
  return blocklists.find(([, named]) => named.test(text))?.[0];
}

/**
 * What an action's text is about, as Postfix logs it: `450 4.7.1 <x>: Recipient address rejected: Ratelimit exceeded;
 * from=…`. Limiters (Rspamd, postfwd, policy services) speak in their own words, and answer through Postfix.
 */
export function refusalClass(text: string): ReplyClass {
  const [, code, dsn] = /^([45])\d\d(?: ([45]\.\d{1,3}\.\d{1,3}))? |^([45]\.\d{1,3}\.\d{1,3}) /.exec(text) ?? [];
  const end = text.indexOf('; from=<');
  const said = end < 0 ? text : text.slice(0, end);
  return replyClass(code === '4' || text.startsWith('4') ? 'deferred' : 'bounced', dsn, said);
}

/** The remote's own words: without the names of hosts and people, which may read like anything. */
function words(reply: string): string {
  const said = reply.indexOf('] said: ');
  const text = reply.slice(said < 0 ? 0 : said + '] said: '.length).slice(0, maxReply);
  return text.replaceAll(/<[^<>]{0,320}>/g, '<>').toLowerCase();
}
