import type { IncomingMessage } from 'node:http';
import { SqsFault } from '../sqs-fault.ts';

/** The largest message is 1 MiB, and JSON's escapes at most triple a text (`\u00e9` for the two bytes of é). */
const maxBodyBytes = 4 * 1_048_576;
/** Bodies being received at one time, over all connections. */
const maxBufferedBytes = 32 * maxBodyBytes;

/** The sender hung up before his request was whole: there is nobody to answer. */
export class SenderGoneError extends Error {
  override name = 'SenderGoneError';
}

/** Reads request bodies into memory, bounded one by one, all together, and in time. */
export class BodyReader {
  readonly #timeoutMs: number;
  #bufferedBytes = 0;

  /** @param timeoutMs for one whole body */
  constructor(timeoutMs = 20_000) {
    this.#timeoutMs = timeoutMs;
  }

  /** @throws SqsFault (too large, too slow, too many at once), SenderGoneError */
  async read(request: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let timer: NodeJS.Timeout | undefined;
    const whole = new Promise<Buffer>((resolve, reject) => {
      timer = setTimeout(() => {
        reject(new SqsFault('RequestTimeout', `The body did not arrive within ${this.#timeoutMs / 1000} seconds.`));
      }, this.#timeoutMs);
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        this.#bufferedBytes += chunk.length;
        chunks.push(chunk);
        if (bytes > maxBodyBytes) {
          reject(new SqsFault('RequestEntityTooLarge', `A request may have ${maxBodyBytes} bytes.`));
        } else if (this.#bufferedBytes > maxBufferedBytes) {
          reject(new SqsFault('ServiceUnavailable', 'Too many requests are being received at this moment.'));
        }
      });
      request.on('end', () => resolve(Buffer.concat(chunks)));
      request.on('error', () => reject(new SenderGoneError('the connection broke')));
      request.on('close', () => reject(new SenderGoneError('the sender hung up')));
    });
    try {
      return await whole;
    } finally {
      clearTimeout(timer);
      // What still comes of a refused body is read past, not kept.
      request.removeAllListeners('data');
      request.resume();
      this.#bufferedBytes -= bytes;
    }
  }
}
