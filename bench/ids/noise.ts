import type { Dice } from './dice.ts';
import type { InstanceLog } from './instance-log.ts';
import type { Timeline } from './timeline.ts';
import { address, clientOf, stranger, token } from './words.ts';

const second = 1e6;

/** One or a few lines that attribute nothing: what most of a public mail server's log is made of. */
export function noise(log: InstanceLog, timeline: Timeline, at: number, dice: Dice): void {
  const client = clientOf(address(dice), dice);
  const bare = /\[(.*)\]/.exec(client)?.[1] ?? '';
  const service = dice.pick(['smtpd', 'smtpd', 'submission/smtpd', 'smtps/smtpd']);
  const pid = log.pid(service, at);
  const smtpd = (after: number, text: string): void => log.line(at + after * second, service, pid, text);
  switch (dice.below(9)) {
    case 0:
      smtpd(0, `connect from ${client}`);
      smtpd(0.4, `lost connection after ${dice.pick(['CONNECT', 'EHLO', 'STARTTLS', 'UNKNOWN'])} from ${client}`);
      smtpd(0.4, `disconnect from ${client} ehlo=1 commands=1`);
      break;
    case 1:
    case 2: {
      smtpd(0, `connect from ${client}`);
      const name = dice.pick([
        'admin',
        'info@example.org',
        'test',
        'anna1@example.org',
        'x, sasl_username=anna1@example.org',
      ]);
      smtpd(
        2,
        `warning: ${client}: SASL ${dice.pick(['LOGIN', 'PLAIN'])} authentication failed: UGFzc3dvcmQ6, sasl_username=${name}`,
      );
      smtpd(2.1, `lost connection after AUTH from ${client}`);
      smtpd(2.1, `disconnect from ${client} ehlo=1 auth=0/1 rset=1 commands=2/3`);
      break;
    }
    case 3:
    case 4: {
      smtpd(0, `connect from ${client}`);
      const to = `x${dice.below(100)}@example.org`;
      smtpd(
        0.5,
        `NOQUEUE: reject: RCPT from ${client}: 554 5.7.1 Service unavailable; Client host [${bare}] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/${bare}; from=<${stranger(dice)}> to=<${to}> proto=ESMTP helo=<${token(8, dice)}>`,
      );
      smtpd(0.6, `disconnect from ${client} ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4`);
      break;
    }
    case 5:
      smtpd(
        0,
        `warning: hostname host-${token(6, dice)}.test does not resolve to address ${bare}: Name or service not known`,
      );
      smtpd(0, `connect from unknown[${bare}]`);
      smtpd(1, `disconnect from unknown[${bare}] ehlo=1 quit=1 commands=2`);
      break;
    case 6: {
      const postscreen = log.pid('postscreen', at);
      const port = 1024 + dice.below(60_000);
      log.line(at, 'postscreen', postscreen, `CONNECT from [${bare}]:${port} to [203.0.113.5]:25`);
      log.line(at + 6 * second, 'postscreen', postscreen, `PASS NEW [${bare}]:${port}`);
      break;
    }
    case 7:
      log.line(
        at,
        'anvil',
        log.pid('anvil', at),
        `statistics: max connection rate ${1 + dice.below(20)}/60s for (submission:${bare}) at Mar  2 09:${10 + dice.below(50)}:12`,
      );
      break;
    default:
      foreign(log.relay, timeline, at, dice, bare);
  }
}

/** Programs of other houses, which write into the same file. */
function foreign(relay: string, timeline: Timeline, at: number, dice: Dice, ip: string): void {
  const pid = 300 + dice.below(30_000);
  timeline.add(
    at,
    dice.pick([
      `${relay} dovecot: imap-login: Login: user=<anna1@example.org>, method=PLAIN, rip=${ip}, lip=203.0.113.5, mpid=${pid}, TLS, session=<${token(16, dice)}>`,
      `${relay} opendkim[${pid}]: ${token(11, dice)}: DKIM-Signature field added (s=mail, d=example.org)`,
      `${relay} amavis[${pid}]: (${pid}-01) Passed CLEAN {RelayedOutbound}, [${ip}] <a@example.org> -> <b@firm.test>, Message-ID: <${token(20, dice)}@example.org>, Hits: -1.1, size: 2041, queued_as: ${token(10, dice)}, 311 ms`,
      `${relay} CRON[${pid}]: (root) CMD (test -x /usr/sbin/anacron)`,
    ]),
  );
}
