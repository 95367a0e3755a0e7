import { packLines } from '../../shared/wire/lines.ts';

/** Log lines of authenticated mail as relays ship them, made from nothing but numbers: the same every time. */
export interface Pack {
  readonly relay: string;
  readonly body: string;
  readonly mails: number;
}

export interface Sending {
  readonly login: string;
  readonly sender: string;
  readonly client: string;
  readonly recipients: readonly string[];
  /** ms since the epoch. */
  readonly atMs: number;
  /** No delivery yet: a thief's held mail. */
  readonly held?: boolean;
}

/** A relay's log: hands out queue IDs and byte offsets as the lines are written. */
export class RelayLog {
  readonly relay: string;
  #serial: number;
  #offset = 0;

  constructor(relay: string, index: number) {
    this.relay = relay;
    // Short IDs hold the file's inode: unlike on no two relays, as in life.
    this.#serial = index * 0x1000000;
  }

  /** The lines of one message, those that agents ship: about six. */
  lines({ login, sender, client, recipients, atMs, held = false }: Sending): string[] {
    this.#serial += 1;
    const id = this.#serial.toString(16).toUpperCase().padStart(10, 'A');
    const line = (program: string, text: string, plusMs: number): string =>
      `${new Date(atMs + plusMs).toISOString().replace('Z', '000+00:00')} ${this.relay} postfix/${program}[${1000 + (this.#serial % 50)}]: ${id}: ${text}`;
    return [
      line('submission/smtpd', `client=unknown[${client}], sasl_method=PLAIN, sasl_username=${login}`, 0),
      line('cleanup', `message-id=<${id}.${atMs}@${login.split('@')[1] ?? 'example.org'}>`, 20),
      line(
        'qmgr',
        `from=<${sender}>, size=${2000 + (this.#serial % 9000)}, nrcpt=${recipients.length} (queue active)`,
        40,
      ),
      ...(held
        ? []
        : recipients.map((to) =>
            line(
              'smtp',
              `to=<${to}>, relay=mx.far.test[198.51.100.7]:25, delay=1.2, delays=0.1/0/0.4/0.7, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4F00)`,
              1200,
            ),
          )),
      ...(held ? [] : [line('qmgr', 'removed', 1220)]),
    ];
  }

  /** What stands in the log beside them and stays on the relay: of it only the bytes count. */
  unshippedBytes({ client, atMs }: Sending): number {
    const smtpd = `${new Date(atMs).toISOString().replace('Z', '000+00:00')} ${this.relay} postfix/submission/smtpd[1000]: `;
    const connect = `${smtpd}connect from unknown[${client}]\n`;
    const end = `${smtpd}disconnect from unknown[${client}] ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8\n`;
    return connect.length + end.length;
  }

  /** Lines as one message of the events queue. */
  pack(lines: readonly string[], mails: number): Pack {
    const from = this.#offset;
    const text = lines.map((line) => {
      const at = this.#offset;
      this.#offset += Buffer.byteLength(line) + 1;
      return `${at} ${line}\n`;
    });
    const range = { n: lines.length, all: lines.length, from, to: this.#offset };
    const head = { v: 1, kind: 'lines', relay: this.relay, file: '/var/log/mail.log', zone: 'UTC' };
    return { relay: this.relay, mails, body: JSON.stringify({ ...head, ...range, b: packLines(text.join('')) }) };
  }
}
