import type { Session } from '../agent/exec/postfix.ts';
import type { Maillog } from './maillog.ts';
import type { SimulatedQueue } from './simulated-queue.ts';
import { type Mail, type SessionEnd, SmtpError, type SmtpSession } from './smtp-client.ts';

interface LiveSession extends Session {
  /** Ends as the log tells it when the connection breaks. */
  cut(): void;
}

/** What the access map answers for a login, read as access(5) has it. */
type Answer =
  | { readonly kind: 'pass' }
  | { readonly kind: 'hold'; readonly text: string }
  | { readonly kind: 'refuse'; readonly code: number; readonly dsn: string; readonly text: string };

/** A process serves so many sessions, then another takes its place (`max_use`). */
const maxUse = 100;

/** smtpd of one simulated instance: logins, sessions, the sender access map, and their log lines. */
export class SimulatedSmtpd {
  /** Keys folded to lower case, as Postfix looks them up. */
  private map: ReadonlyMap<string, string> = new Map();
  private readonly live = new Set<LiveSession>();
  private readonly log: Maillog;
  private readonly queue: SimulatedQueue;
  private readonly instance: string;
  private readonly passwords: ReadonlyMap<string, string>;
  private readonly idle: { readonly pid: number; used: number }[] = [];
  private nextPid = 1000;
  private nextPort = 32_768;

  constructor(log: Maillog, queue: SimulatedQueue, instance: string, passwords: ReadonlyMap<string, string>) {
    this.log = log;
    this.queue = queue;
    this.instance = instance;
    this.passwords = passwords;
  }

  writeMap(entries: ReadonlyMap<string, string>): void {
    this.map = new Map([...entries].map(([key, value]) => [key.toLowerCase(), value]));
  }

  readMap(): ReadonlyMap<string, string> {
    return new Map(this.map);
  }

  sessions(): Session[] {
    return [...this.live].map(({ instance, pid, client, clientPort }) => ({ instance, pid, client, clientPort }));
  }

  /** Ends the session as a destroyed socket does. False if there is none like it. */
  destroy(session: Session): boolean {
    for (const each of this.live) {
      if (each.pid !== session.pid || each.client !== session.client || each.clientPort !== session.clientPort)
        continue;
      each.cut();
      return true;
    }
    return false;
  }

  /** @throws SmtpError 535 for a login or password that is not enrolled. */
  open(options: { localAddress: string; login: string; password: string }): SmtpSession {
    const worker = this.idle.pop() ?? { pid: this.nextPid++, used: 0 };
    const clientPort = this.nextPort;
    this.nextPort = this.nextPort === 60_999 ? 32_768 : this.nextPort + 1;
    const peer = `unknown[${options.localAddress}]:${clientPort}`;
    this.log.line('smtpd', worker.pid, `connect from ${peer}`);
    const leave = (commands: string) => {
      this.log.line('smtpd', worker.pid, `disconnect from ${peer} ${commands}`);
      worker.used += 1;
      if (worker.used < maxUse) this.idle.push(worker);
    };
    if (this.passwords.get(options.login) !== options.password) {
      const reason = 'SASL PLAIN authentication failed: authentication failure';
      this.log.line('smtpd', worker.pid, `warning: ${peer}: ${reason}, sasl_username=${options.login}`);
      leave('ehlo=1 auth=0/1 quit=1 commands=2/3');
      throw new SmtpError('Invalid login: 535 5.7.8 Error: authentication failed: authentication failure', 535);
    }

    const { promise: ended, resolve } = Promise.withResolvers<SessionEnd>();
    const count = { mail: 0, refused: 0 };
    let over: SessionEnd | undefined;
    /** What smtpd would name in `lost connection after …`; after a whole message it says nothing. */
    let lastCommand: 'AUTH' | 'RSET' | undefined = 'AUTH';
    const end = (how: SessionEnd) => {
      if (over !== undefined) return;
      over = how;
      this.live.delete(session);
      const all = count.mail + count.refused;
      const mails = count.refused === 0 ? `${count.mail}` : `${count.mail}/${all}`;
      const quit = how.by === 'client' ? 1 : 0;
      const good = 2 + 3 * count.mail + quit;
      const commands = count.refused === 0 ? `${good}` : `${good}/${2 + 3 * all + quit}`;
      const each = all === 0 ? '' : ` mail=${mails} rcpt=${mails} data=${mails}`;
      leave(`ehlo=1 auth=1${each}${quit === 1 ? ' quit=1' : ''} commands=${commands}`);
      resolve(how);
    };
    const session: LiveSession = {
      instance: this.instance,
      pid: worker.pid,
      client: options.localAddress,
      clientPort,
      cut: () => {
        if (lastCommand !== undefined)
          this.log.line('smtpd', worker.pid, `lost connection after ${lastCommand} from ${peer}`);
        end({ by: 'server', reason: 'read ECONNRESET' });
      },
    };
    this.live.add(session);
    return {
      login: options.login,
      localAddress: options.localAddress,
      localPort: clientPort,
      ended,
      send: async (mail) => {
        if (over !== undefined) throw new SmtpError(`session ended: ${over.reason}`, undefined);
        const answer = this.answer(options.login);
        const about = `RCPT from ${peer}: ${answer.kind === 'refuse' ? `${answer.code} ${answer.dsn} ` : ''}`;
        const envelope = `from=<${mail.from}> to=<${mail.to[0]}> proto=ESMTP helo=<client.test>`;
        const note = (verb: string, text: string) =>
          this.log.line('smtpd', worker.pid, `NOQUEUE: ${verb}: ${about}<${options.login}>: ${text}; ${envelope}`);
        if (answer.kind === 'refuse') {
          const text = `SASL login name rejected: ${answer.text}`;
          note('reject', text);
          count.refused += 1;
          lastCommand = 'RSET';
          const reply = `${answer.code} ${answer.dsn} <${options.login}>: ${text}`;
          if (answer.code === 421 || answer.code === 521) end({ by: 'server', reason: reply });
          throw new SmtpError(reply, answer.code);
        }
        if (answer.kind === 'hold') note('hold', `SASL login name ${answer.text}`);
        count.mail += 1;
        lastCommand = undefined;
        return this.queue.accept({
          login: options.login,
          sender: mail.from,
          recipients: [...mail.to],
          client: options.localAddress,
          clientPort,
          sizeBytes: Buffer.byteLength(mail.raw),
          messageId: messageId(mail),
          smtpdPid: worker.pid,
          held: answer.kind === 'hold',
        });
      },
      close: async () => end({ by: 'client', reason: 'connection closed' }),
    };
  }

  closeAll(): void {
    for (const session of [...this.live]) session.cut();
  }

  private answer(login: string): Answer {
    const value = this.map.get(login.toLowerCase());
    if (value === undefined) return { kind: 'pass' };
    const [, action = '', text = ''] = /^(\S+)\s*(.*)$/.exec(value) ?? [];
    if (/^[45]\d\d$/.test(action)) {
      const [, dsn = action.startsWith('4') ? '4.7.1' : '5.7.1', rest = text] =
        /^([45]\.\d+\.\d+)\s*(.*)$/.exec(text) ?? [];
      return { kind: 'refuse', code: Number(action), dsn, text: rest };
    }
    switch (action.toUpperCase()) {
      case 'HOLD':
        return { kind: 'hold', text: text === '' ? 'triggers HOLD action' : text };
      case 'REJECT':
        return { kind: 'refuse', code: 554, dsn: '5.7.1', text: text === '' ? 'Access denied' : text };
      case 'OK':
      case 'DUNNO':
        return { kind: 'pass' };
      default:
        // Postfix answers 451 and warns; nothing here writes such a map, so it is a mistake to be seen.
        throw new Error(`access map of ${this.instance}: ${JSON.stringify(value)} is no action`);
    }
  }
}

function messageId(mail: Mail): string {
  return /^message-id:\s*<([^>\r\n]*)>/im.exec(mail.raw)?.[1] ?? '';
}
