import { connect, type Socket } from 'node:net';

interface RawReply {
  readonly code: number;
  /** All lines of the reply, joined by `\n`. */
  readonly text: string;
}

/** A client that sends bytes as given: for HELO names, AUTH= parameters and headers that no mail library would send. */
export interface RawSmtp {
  readonly greeting: RawReply;
  readonly localPort: number;
  /** Sends a line (CRLF is added) and waits for its reply. @throws Error if the server ends the session instead. */
  command(line: string | Uint8Array): Promise<RawReply>;
  /** Sends bytes without waiting. */
  write(bytes: string | Uint8Array): void;
  /** The next reply that nobody waited for yet. */
  reply(): Promise<RawReply>;
  close(): void;
  /** Resolves when the connection is gone. */
  readonly ended: Promise<void>;
}

export async function openRaw(options: { host: string; port: number; localAddress?: string }): Promise<RawSmtp> {
  const socket = connect({ ...options, timeout: 60_000 });
  const replies = readReplies(socket);
  const greeting = await replies.next();
  const write = (bytes: string | Uint8Array) => {
    socket.write(bytes);
  };
  return {
    greeting,
    localPort: socket.localPort ?? 0,
    async command(line) {
      write(line);
      write('\r\n');
      return await replies.next();
    },
    write,
    reply: () => replies.next(),
    close: () => socket.destroy(),
    ended: replies.ended,
  };
}

function readReplies(socket: Socket): { next(): Promise<RawReply>; ended: Promise<void> } {
  const ready: RawReply[] = [];
  const waiting: { resolve: (reply: RawReply) => void; reject: (error: Error) => void }[] = [];
  let text = '';
  let lines: string[] = [];
  let failure: Error | undefined;
  socket.setEncoding('latin1');
  socket.on('data', (chunk: Buffer | string) => {
    text += String(chunk);
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end).replace(/\r$/, '');
      text = text.slice(end + 1);
      lines.push(line);
      if (line[3] === '-') continue;
      const reply = { code: Number(line.slice(0, 3)), text: lines.join('\n') };
      lines = [];
      const first = waiting.shift();
      if (first === undefined) ready.push(reply);
      else first.resolve(reply);
    }
  });
  socket.on('timeout', () => socket.destroy(new Error('no word from the server in 60 s')));
  socket.on('error', (error) => {
    failure = error;
  });
  const ended = new Promise<void>((resolve) => {
    socket.on('close', () => {
      failure ??= new Error('the server ended the session');
      for (const each of waiting.splice(0)) each.reject(failure);
      resolve();
    });
  });
  return {
    ended,
    next: () =>
      new Promise((resolve, reject) => {
        const reply = ready.shift();
        if (reply !== undefined) resolve(reply);
        else if (failure !== undefined) reject(failure);
        else waiting.push({ resolve, reject });
      }),
  };
}
