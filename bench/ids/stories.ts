import type { Dice } from './dice.ts';
import type { InstanceLog } from './instance-log.ts';
import {
  type Account,
  acceptedReply,
  clientOf,
  deferrals,
  messageId,
  refusals,
  remote,
  stranger,
  token,
} from './words.ts';

const second = 1e6;

/** A message that entered a queue, and whose it is. */
interface Mail {
  readonly queueId: string;
  readonly acceptedAt: number;
  readonly from: string;
  readonly messageId: string;
  readonly sizeBytes: number;
  readonly recipients: readonly string[];
  /** Absent: nobody's. */
  readonly account?: string;
  readonly how: 'direct' | 'derived';
}

/** How an instance treats what accounts submit. */
export interface Route {
  readonly log: InstanceLog;
  /** Services that accounts submit to. */
  readonly services: readonly string[];
  /** A content filter that answers with its own `queued as`, or one that passes XFORWARD on. */
  readonly filter: 'none' | 'answers' | 'forwards';
}

/** What becomes of mail, in the lines that Postfix 3.7 writes about it. All times in microseconds. */
export class Stories {
  readonly #dice: Dice;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** A session of somebody who logs in and sends `mails` mails; some say RSET, or hang up in DATA. */
  submission(route: Route, at: number, account: Account, mails: number, pauseSeconds: number, forged: boolean): void {
    const dice = this.#dice;
    const { log } = route;
    const service = `${dice.pick(route.services)}smtpd`;
    const pid = log.pid(service, at);
    const client = clientOf(dice.pick(account.clients), dice);
    const say = (when: number, text: string): void => log.line(when, service, pid, text);
    say(at, `connect from ${client}`);
    if (dice.chance(0.7)) {
      say(
        at + 80_000,
        `Anonymous TLS connection established from ${client}: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256`,
      );
    }
    let now = at + 0.2 * second;
    for (let mail = 0; mail < mails; mail++) {
      now += dice.around(pauseSeconds) * second;
      const accepted = `client=${client}, sasl_method=${dice.pick(['PLAIN', 'PLAIN', 'LOGIN'])}, sasl_username=${account.login}`;
      const queueId = log.newId(now);
      say(now, `${queueId}: ${accepted}`);
      if (dice.chance(0.02)) {
        now += 0.4 * second;
        say(now, `lost connection after ${dice.pick(['DATA', 'RCPT'])} (${dice.below(9000)} bytes) from ${client}`);
        break;
      }
      const from = forged ? stranger(dice) : account.login.replaceAll(/[^\w@.-]/g, '');
      const recipients = Array.from({ length: dice.chance(0.15) ? 2 + dice.below(6) : 1 }, () => stranger(dice));
      const queued = this.#enters(log, {
        ...this.#content(from, queueId, now, recipients),
        account: account.account,
        how: 'direct',
      });
      if (route.filter === 'none') this.#deliver(log, queued.mail, queued.at);
      else this.#filtered(route, queued.mail, queued.at);
      now = queued.at;
    }
    say(
      now + 0.3 * second,
      `disconnect from ${client} ehlo=2 starttls=1 auth=1 mail=${mails} rcpt=${mails} data=${mails} quit=1 commands=${mails * 3 + 5}`,
    );
  }

  /** Mail from outside for a mailbox here. */
  inbound(log: InstanceLog, at: number): void {
    const dice = this.#dice;
    const pid = log.pid('smtpd', at);
    const client = clientOf(`198.51.100.${1 + dice.below(250)}`, dice);
    log.line(at, 'smtpd', pid, `connect from ${client}`);
    const now = at + 0.3 * second;
    const queueId = log.newId(now);
    const bait = dice.chance(0.002) ? ', sasl_sender=x, sasl_method=PLAIN, sasl_username=anna1@example.org' : '';
    log.line(now, 'smtpd', pid, `${queueId}: client=${client}${bait}`);
    const mail = {
      ...this.#content(stranger(dice), queueId, now, [`${token(5, dice).toLowerCase()}@example.org`]),
      how: 'direct',
    } as const;
    const queued = this.#enters(log, mail);
    log.line(
      queued.at + 0.1 * second,
      'smtpd',
      pid,
      `disconnect from ${client} ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5`,
    );
    this.#stored(log, mail, queued.at);
  }

  #content(from: string, queueId: string, acceptedAt: number, recipients: readonly string[]): Omit<Mail, 'how'> {
    const dice = this.#dice;
    return {
      queueId,
      acceptedAt,
      from,
      recipients,
      messageId: messageId(dice, from),
      sizeBytes: 800 + dice.below(60_000),
    };
  }

  /** cleanup and qmgr take it: with the second of them it is a message, and `ids` owes its row. */
  #enters(log: InstanceLog, mail: Mail, owes = true): { mail: Mail; at: number } {
    const { queueId, from, sizeBytes, recipients, acceptedAt } = mail;
    const cleaned = acceptedAt + 20_000 + this.#dice.below(200_000);
    log.line(cleaned, 'cleanup', log.pid('cleanup', cleaned), `${queueId}: message-id=${mail.messageId}`);
    const at = cleaned + 10_000 + this.#dice.below(300_000);
    log.line(
      at,
      'qmgr',
      log.pid('qmgr', at),
      `${queueId}: from=<${from}>, size=${sizeBytes}, nrcpt=${recipients.length} (queue active)`,
      owes ? this.#owed(log, mail) : undefined,
    );
    return { mail, at };
  }

  #owed(log: InstanceLog, { queueId, account, acceptedAt, how }: Mail): string | undefined {
    return account === undefined ? undefined : log.row(queueId, account, acceptedAt, how);
  }

  /** Through a content filter that puts it back in as a new message: all of the child's first lines come before the link. */
  #filtered({ log, filter }: Route, parent: Mail, at: number): void {
    const dice = this.#dice;
    const accepted = at + (0.05 + dice.around(0.4)) * second;
    const queueId = log.newId(accepted);
    const service = filter === 'answers' ? 'reinject/smtpd' : '10025/smtpd';
    const pid = log.pid(service, accepted);
    const client = filter === 'answers' ? '127.0.0.1' : 'unknown[127.0.0.1], orig_queue_id=';
    log.line(accepted - 20_000, service, pid, 'connect from localhost[127.0.0.1]');
    const claim =
      filter === 'answers' ? `localhost[${client}]` : `${client}${parent.queueId}, orig_client=unknown[127.0.0.1]`;
    log.line(accepted, service, pid, `${queueId}: client=${claim}`);
    const child: Mail = { ...parent, queueId, acceptedAt: accepted, how: 'derived' };
    // XFORWARD's claim is in the child's own record; the other filter's answer is the parent's last line.
    const queued = this.#enters(log, child, filter === 'forwards');
    log.line(
      queued.at + 20_000,
      service,
      pid,
      'disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5',
    );
    const linked = queued.at + 30_000 + dice.below(100_000);
    const said = filter === 'answers' ? 'from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 ' : '';
    const text = `relay=127.0.0.1[127.0.0.1]:1002${filter === 'answers' ? 4 : 5}, delay=${delay(linked - parent.acceptedAt)}, delays=0.1/0.01/0.01/0.5, dsn=2.0.0, status=sent (250 2.0.0 ${said}Ok: queued as ${queueId})`;
    const sender = log.pid('smtp', linked);
    for (const [index, to] of parent.recipients.entries()) {
      const owed = filter === 'answers' && index === 0 ? this.#owed(log, child) : undefined;
      log.line(linked, 'smtp', sender, `${parent.queueId}: to=<${to}>, ${text}`, owed);
    }
    log.removed(parent.queueId, linked + 2_000);
    this.#deliver(log, child, queued.at);
  }

  /** To a mailbox here. */
  #stored(log: InstanceLog, mail: Mail, at: number): void {
    const done = at + (0.02 + this.#dice.around(0.1)) * second;
    const to = mail.recipients[0] ?? '';
    log.line(
      done,
      'lmtp',
      log.pid('lmtp', done),
      `${mail.queueId}: to=<${to}>, relay=mail.example.org[private/dovecot-lmtp], delay=${delay(done - mail.acceptedAt)}, delays=0.2/0.01/0.01/0.05, dsn=2.0.0, status=sent (250 2.0.0 <${to}> ${token(22, this.#dice)} Saved)`,
    );
    log.removed(mail.queueId, done + 1_000);
  }

  /** To the world: at once, after some tries, or back to the sender. Now and then an administrator requeues it. */
  #deliver(log: InstanceLog, mail: Mail, from: number): void {
    const dice = this.#dice;
    let last = from;
    let refused = false;
    for (const to of mail.recipients) {
      let at = from + dice.around(1.2) * second;
      const put = (status: string, dsn: string, reply: string, relay: string): void => {
        log.line(
          at,
          'smtp',
          log.pid('smtp', at),
          `${mail.queueId}: to=<${to}>, relay=${relay}, delay=${delay(at - mail.acceptedAt)}, delays=0.2/0.02/0.3/0.4, dsn=${dsn}, status=${status} (${reply})`,
        );
      };
      const host = `mx.${remote(dice)}[198.51.100.${1 + dice.below(250)}]:25`;
      const tries = dice.chance(0.08) ? 1 + dice.below(5) : 0;
      for (let nth = 0; nth < tries; nth++) {
        const { dsn, reply } = dice.pick(deferrals);
        put('deferred', dsn, reply, dsn.startsWith('4.4') ? 'none' : host);
        at += (300 * 2 ** Math.min(nth, 3) + dice.below(200)) * second;
      }
      if (tries > 0 && mail.recipients.length === 1 && dice.chance(0.1)) {
        this.#requeue(log, mail, at - 100 * second);
        return;
      }
      if (dice.chance(0.05)) {
        const { dsn, reply } = dice.pick(refusals);
        put('bounced', dsn, reply, host);
        refused = true;
      } else put('sent', '2.0.0', acceptedReply(dice), host);
      last = Math.max(last, at);
    }
    if (refused) last = this.#notice(log, mail, last + 5_000);
    log.removed(mail.queueId, last + 8_000);
  }

  /** The relay's own notice to the sender: no mail of the account. Returns when it was written. */
  #notice(log: InstanceLog, mail: Mail, at: number): number {
    const queueId = log.newId(at);
    log.line(at, 'cleanup', log.pid('cleanup', at), `${queueId}: message-id=<${queueId}@${log.relay}.example.org>`);
    log.line(
      at + 2_000,
      'bounce',
      log.pid('bounce', at),
      `${mail.queueId}: sender non-delivery notification: ${queueId}`,
    );
    log.line(
      at + 3_000,
      'qmgr',
      log.pid('qmgr', at),
      `${queueId}: from=<>, size=${3000 + this.#dice.below(5000)}, nrcpt=1 (queue active)`,
    );
    this.#stored(log, { ...mail, queueId, recipients: [mail.from] }, at + 4_000);
    return at + 3_000;
  }

  /** `postsuper -r`: a new ID for the same message. */
  #requeue(log: InstanceLog, mail: Mail, at: number): void {
    log.line(at, 'postsuper', 300 + this.#dice.below(30_000), `${mail.queueId}: requeued`);
    const picked = at + (1 + this.#dice.below(50)) * second + 5_000;
    const queueId = log.newId(picked);
    log.line(
      picked,
      'pickup',
      log.pid('pickup', picked),
      `${queueId}: uid=109 from=<${mail.from}> orig_id=${mail.queueId}`,
    );
    const again: Mail = { ...mail, queueId, acceptedAt: picked, how: 'derived' };
    this.#deliver(log, again, this.#enters(log, again).at);
  }
}

/** As Postfix prints delays: two digits that matter, at least. */
function delay(micros: number): string {
  const seconds = micros / second;
  return seconds < 1 ? seconds.toFixed(2) : seconds < 10 ? seconds.toFixed(1) : String(Math.round(seconds));
}
