import { createServer, type Socket } from 'node:net';
import { freePort } from './free-port.ts';

/** Where a session stands when it asks for a reply; `message` is after the final dot. */
export type SmtpStep = 'connect' | 'hello' | 'mail' | 'rcpt' | 'data' | 'message' | 'quit' | 'other';

/** What the client has sent of the present message; commands without their line ends, as they came. */
export interface MailSoFar {
  readonly mail: string;
  readonly rcpt: readonly string[];
  /** Header and body with CRLF, dots unstuffed; empty before `message`. */
  readonly content: string;
}

/**
 * The whole reply, verbatim but for the last CRLF; undefined: a polite one. What it waits for, the client waits for.
 */
export type Answer = (step: SmtpStep, mail: MailSoFar) => string | undefined | Promise<string | undefined>;

export interface ScriptedMx {
  readonly host: string;
  readonly port: number;
  /** As `relayhost` and transport maps want it. */
  readonly nextHop: string;
  /** Ends every session. */
  stop(): Promise<void>;
}

const polite: Readonly<Record<SmtpStep, string>> = {
  connect: '220 mx.test ESMTP',
  hello: '250 mx.test',
  mail: '250 2.1.0 Ok',
  rcpt: '250 2.1.5 Ok',
  data: '354 End data with <CR><LF>.<CR><LF>',
  message: '250 2.0.0 Ok',
  quit: '221 2.0.0 Bye',
  other: '502 5.5.2 Not known',
};

/** An SMTP server whose every word is the test's: a hostile remote, or a content filter that puts mail back in. */
export async function startScriptedMx(address: string, answer: Answer): Promise<ScriptedMx> {
  const port = await freePort(address);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client that goes away has ended its session, no more.
    socket.on('error', () => socket.destroy());
    serve(socket, answer).catch((error: unknown) => socket.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  return {
    host: address,
    port,
    nextHop: `[${address}]:${port}`,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function serve(socket: Socket, answer: Answer): Promise<void> {
  const nothing: MailSoFar = { mail: '', rcpt: [], content: '' };
  let mail = nothing;
  let content: string[] | undefined;
  const say = async (step: SmtpStep): Promise<string> => {
    const reply = (await answer(step, mail)) ?? polite[step];
    socket.write(`${reply}\r\n`, 'latin1');
    return reply;
  };
  await say('connect');
  for await (const line of linesOf(socket)) {
    if (content !== undefined) {
      if (line !== '.') {
        content.push(line.startsWith('.') ? line.slice(1) : line);
        continue;
      }
      mail = { ...mail, content: `${content.join('\r\n')}\r\n` };
      content = undefined;
      await say('message');
      mail = nothing;
      continue;
    }
    const step = stepOf(line);
    if (step === 'mail') mail = { ...nothing, mail: line };
    if (step === 'rcpt') mail = { ...mail, rcpt: [...mail.rcpt, line] };
    const reply = await say(step);
    if (step === 'data' && reply.startsWith('354')) content = [];
    if (step === 'quit') socket.end();
  }
}

function stepOf(line: string): SmtpStep {
  switch (line.slice(0, 4).toUpperCase()) {
    case 'EHLO':
    case 'HELO':
      return 'hello';
    case 'MAIL':
      return 'mail';
    case 'RCPT':
      return 'rcpt';
    case 'DATA':
      return 'data';
    case 'QUIT':
      return 'quit';
    default:
      return 'other';
  }
}

async function* linesOf(socket: Socket): AsyncGenerator<string> {
  socket.setEncoding('latin1');
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 2);
    }
  }
}
