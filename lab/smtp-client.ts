import SMTPConnection from 'nodemailer/lib/smtp-connection';

/** An authenticated SMTP session as a mail program holds it: log in once, send many, stay. */
export interface SessionOptions {
  readonly host: string;
  readonly port: number;
  /** Loopback address to come from: networks mean something in the lab. */
  readonly localAddress: string;
  readonly login: string;
  readonly password: string;
}

export interface Mail {
  /** Envelope sender. */
  readonly from: string;
  readonly to: readonly string[];
  /** Header and body, CRLF or LF. */
  readonly raw: string;
}

/** What a lab relay, real or simulated, offers its clients. */
export interface LabRelay {
  readonly name: string;
  openSession(options: Omit<SessionOptions, 'host' | 'port'>): Promise<SmtpSession>;
}

/** Who ended a session, and with which last words. */
export interface SessionEnd {
  readonly by: 'client' | 'server';
  readonly reason: string;
}

export interface SmtpSession {
  readonly login: string;
  readonly localAddress: string;
  readonly localPort: number;
  /** The queue ID of the `queued as` reply. @throws SmtpError if the server refused or ended the session. */
  send(mail: Mail): Promise<string>;
  /** QUIT, then waits for the end. */
  close(): Promise<void>;
  /** Resolves when the session is over. */
  readonly ended: Promise<SessionEnd>;
}

/** A refusal (`code` is the server's SMTP code) or a broken session (no code). */
export class SmtpError extends Error {
  override name = 'SmtpError';
  readonly code: number | undefined;
  constructor(message: string, code: number | undefined) {
    super(message);
    this.code = code;
  }
}

/** @throws SmtpError with the code of a refused greeting or login. */
export async function openSession(options: SessionOptions): Promise<SmtpSession> {
  const connection = new SMTPConnection({
    host: options.host,
    port: options.port,
    localAddress: options.localAddress,
    name: 'client.test',
    ignoreTLS: true,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 300_000,
  });
  let closing = false;
  let lastWords = 'connection closed';
  const sessionOver = () =>
    new SmtpError(`session ended: ${lastWords}`, lastWords.startsWith('421 ') ? 421 : undefined);
  let failOpen: (error: Error) => void = () => {};
  const inFlight = new Set<(error: Error) => void>();
  const ended = new Promise<SessionEnd>((resolve) => {
    connection.on('error', (error: Error) => {
      lastWords = error.message;
      failOpen(smtpError(error));
    });
    connection.on('end', () => {
      // nodemailer reports the end before the reply that announced it.
      const reply = /^421 .*/.exec(connection.lastServerResponse || '')?.[0];
      if (reply !== undefined) lastWords = reply;
      for (const fail of inFlight) fail(sessionOver());
      resolve({ by: closing ? 'client' : 'server', reason: lastWords });
    });
  });

  const ask = <T>(act: (done: (error: Error | null | undefined, value?: T) => void) => void): Promise<T | undefined> =>
    new Promise((resolve, reject) => {
      if (connection.destroyed) {
        reject(sessionOver());
        return;
      }
      // An end without an answer must fail the caller too; the first of the two decides.
      inFlight.add(reject);
      act((error, value) => {
        inFlight.delete(reject);
        if (error) reject(smtpError(error));
        else resolve(value);
      });
    });

  await new Promise<void>((resolve, reject) => {
    failOpen = reject;
    connection.connect((error) => (error ? reject(smtpError(error)) : resolve()));
  });
  const localPort = connection._socket ? (connection._socket.localPort ?? 0) : 0;
  try {
    await ask((done) => connection.login({ user: options.login, pass: options.password }, done));
  } catch (error) {
    connection.close();
    throw error;
  }

  return {
    login: options.login,
    localAddress: options.localAddress,
    localPort,
    ended,
    async send(mail) {
      const envelope = { from: mail.from, to: [...mail.to] };
      const info = await ask<{ response: string }>((done) => connection.send(envelope, mail.raw, done)).catch(
        async (error: unknown) => {
          // A refusal leaves the transaction open, and the next MAIL FROM would be `nested`.
          if (!connection.destroyed) await ask((done) => connection.reset(done)).catch(() => {});
          throw error;
        },
      );
      const queueId = /queued as ([0-9A-Za-z]+)/.exec(info?.response ?? '')?.[1];
      if (queueId === undefined) throw new SmtpError(`no queue ID in the reply: ${info?.response}`, undefined);
      return queueId;
    },
    async close() {
      if (!connection.destroyed) {
        closing = true;
        connection.quit();
      }
      await ended;
    },
  };
}

function smtpError(error: Error): SmtpError {
  const code = 'responseCode' in error && typeof error.responseCode === 'number' ? error.responseCode : undefined;
  return new SmtpError(error.message, code);
}
