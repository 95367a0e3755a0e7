import type { SQSEvent } from 'aws-lambda';
import { packLines } from '../shared/wire/lines.ts';
import { submission } from './hub-fixture.ts';

/** When the functions' tests begin, by their own clock. */
export const t0 = Date.now();

let serial = 0;
/** A message as the event source hands it to a function. */
export function event(relay: string, body: object | string, sentAt = t0, sender = `relay:${relay}`): SQSEvent {
  serial += 1;
  return {
    Records: [
      {
        messageId: `m${serial}`,
        receiptHandle: 'r',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        attributes: {
          SenderId: sender,
          SentTimestamp: String(sentAt),
          ApproximateReceiveCount: '1',
          ApproximateFirstReceiveTimestamp: String(sentAt),
        },
        messageAttributes: {},
        md5OfBody: '',
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:local:000000000000:q',
        awsRegion: 'local',
      },
    ],
  };
}

/** Lines as a relay ships them. */
export function pack(relay: string, lines: readonly string[]): object {
  const text = lines.map((line, index) => `${index * 100} ${line}\n`).join('');
  const range = { n: lines.length, all: lines.length, from: 0, to: 100 * lines.length };
  return { v: 1, kind: 'lines', relay, file: '/var/log/mail.log', zone: 'UTC', ...range, b: packLines(text) };
}

/** `count` messages of a login from `first` on, each under another sender, a second apart. */
export function mails(login: string, first: number, count: number, at = t0): string[] {
  return Array.from({ length: count }, (_, index) => {
    const number = first + index;
    const id = `4${number.toString(16).padStart(9, '0').toUpperCase()}`;
    return submission(new Date(at + index * 1000), id, login, `s${number}@forged.test`);
  }).flat();
}
