import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { LinesMessage, ReportMessage } from '../shared/wire/events.ts';
import type { AgentConfig } from './config.ts';
import type { Log } from './log.ts';
import { Trouble } from './log.ts';
import { Backoff, pause } from './pause.ts';

/** A client that never retries by itself: the loops here do, at their own pace, and say why. */
export function queueClient(config: AgentConfig, requestSeconds: number): SQSClient {
  const { accessKeyId, secretAccessKey, endpoint, region } = config;
  return new SQSClient({
    region,
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: requestSeconds * 1_000, throwOnRequestTimeout: true },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey } }),
  });
}

/** Sends to one queue. What cannot be sent now is tried again, so a caller that waits for it loses nothing. */
export class Sender {
  readonly #client: SQSClient;
  readonly #queueUrl: string;
  readonly #signal: AbortSignal;
  readonly #trouble: Trouble;

  constructor(options: { client: SQSClient; queueUrl: string; signal: AbortSignal; log: Log }) {
    this.#client = options.client;
    this.#queueUrl = options.queueUrl;
    this.#signal = options.signal;
    this.#trouble = new Trouble(options.log, `sending to ${options.queueUrl}`);
  }

  /** One attempt; false if it failed, which is said. For what the next one replaces. */
  async sendOnce(message: LinesMessage | ReportMessage): Promise<boolean> {
    try {
      const command = new SendMessageCommand({ QueueUrl: this.#queueUrl, MessageBody: asciiJson(message) });
      await this.#client.send(command, { abortSignal: this.#signal });
      this.#trouble.over();
      return true;
    } catch (error) {
      if (!this.#signal.aborted) this.#trouble.says(explain(error));
      return false;
    }
  }

  /** Until the queue has it: true. False only if the agent is closing. */
  async send(message: LinesMessage | ReportMessage): Promise<boolean> {
    const backoff = new Backoff();
    while (!this.#signal.aborted) {
      if (await this.sendOnce(message)) return true;
      await pause(backoff.nextMs(), this.#signal);
    }
    return false;
  }
}

/** SQS takes only the characters that XML 1.0 allows; escaped, a body cannot hold another one. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** One line for the person who has to mend it. Names are the SDK's and AWS's. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  const text = `${code}${error.message === '' ? '' : `: ${error.message}`}`;
  if (error.name === 'RequestExpired' || /signature (expired|not yet current)|clock|skew/i.test(error.message)) {
    return `this relay's clock differs from the queue's (${text})`;
  }
  switch (error.name) {
    case 'InvalidClientTokenId':
    case 'InvalidAccessKeyId':
    case 'UnrecognizedClientException':
      return `the queue does not know this relay's access key: revoked, or enrolled anew? (${text})`;
    case 'SignatureDoesNotMatch':
    case 'InvalidSignatureException':
      return `secretAccessKey does not belong to accessKeyId (${text})`;
    case 'AccessDenied':
    case 'AccessDeniedException':
      return `this relay's access key may not use the queue (${text})`;
    default:
      return text;
  }
}
