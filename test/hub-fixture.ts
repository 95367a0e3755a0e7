import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { ApiClient } from '../cli/api/client.ts';
import type { Enrolled } from '../functions/api/enrol.ts';
import { hubConfig } from '../hub/config.ts';
import { type Hub, startHub } from '../hub/main.ts';
import { publicKey, verifyJws } from '../shared/wire/jws.ts';
import { packLines } from '../shared/wire/lines.ts';
import { type Order, order } from '../shared/wire/orders.ts';

export const silent = { info: () => {}, warn: () => {}, error: () => {} };

/** A hub on free ports over a temporary folder. */
export async function startTestHub(realm = 'example.org'): Promise<{
  readonly hub: Hub;
  readonly api: ApiClient;
  readonly stateDirectory: string;
  /** `meanwhile` runs while no hub does. */
  restart(meanwhile?: () => Promise<void>): Promise<{ hub: Hub; api: ApiClient }>;
  close(): Promise<void>;
}> {
  const stateDirectory = await mkdtemp(join(tmpdir(), 'holdfast-hub-'));
  const config = hubConfig.parse({ sqsPort: 0, apiPort: 0, realm });
  let hub = await startHub({ config, stateDirectory, log: silent });
  const fixed = { ...config, sqsPort: Number(new URL(hub.sqsUrl).port), apiPort: Number(new URL(hub.apiUrl).port) };
  const open = (): ApiClient => ApiClient.withToken(hub.apiUrl, hub.apiToken, 'tester');
  return {
    hub,
    api: open(),
    stateDirectory,
    restart: async (meanwhile) => {
      await hub.close();
      await meanwhile?.();
      hub = await startHub({ config: fixed, stateDirectory, log: silent });
      // fetch may still hold a connection to the hub that was.
      await eventually(() =>
        open()
          .status()
          .catch(() => undefined),
      );
      return { hub, api: open() };
    },
    close: async () => {
      await hub.close();
      await rm(stateDirectory, { recursive: true });
    },
  };
}

/** A relay as its credentials make it: what an agent could do, without one. */
export class TestRelay {
  readonly #enrolled: Enrolled;
  readonly #sqs: SQSClient;
  #offset = 0;

  constructor(enrolled: Enrolled) {
    this.#enrolled = enrolled;
    const { endpoint, region, key } = enrolled.access;
    this.#sqs = new SQSClient({
      ...(endpoint !== undefined && { endpoint }),
      region,
      ...(key !== undefined && { credentials: key }),
    });
  }

  /** One pack of lines, as tailer and Vector send it. */
  pack(lines: readonly string[], relay = this.#enrolled.relay): string {
    const from = this.#offset;
    const text = lines.map((line) => {
      const offset = this.#offset;
      this.#offset += Buffer.byteLength(line) + 1;
      return `${offset} ${line}\n`;
    });
    const counts = { n: lines.length, all: lines.length, from, to: this.#offset };
    const head = { v: 1, kind: 'lines', relay, file: '/var/log/mail.log', zone: 'UTC' };
    return JSON.stringify({ ...head, ...counts, b: packLines(text.join('')) });
  }

  async sendEvents(body: string): Promise<void> {
    await this.#sqs.send(new SendMessageCommand({ QueueUrl: this.#enrolled.access.queues.events, MessageBody: body }));
  }

  async report(body: object): Promise<void> {
    const message = { v: 1, relay: this.#enrolled.relay, ...body };
    const QueueUrl = this.#enrolled.access.queues.reports;
    await this.#sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message) }));
  }

  /** Takes the next orders, verified as exec verifies them. */
  async orders(waitSeconds = 5): Promise<Order[]> {
    const QueueUrl = this.#enrolled.access.queues.commands;
    const received = await this.#sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: waitSeconds }),
    );
    const keys = new Map(Object.entries(this.#enrolled.hubKeys).map(([kid, pem]) => [kid, publicKey(pem)]));
    const orders: Order[] = [];
    for (const { Body = '', ReceiptHandle } of received.Messages ?? []) {
      orders.push(order.parse(verifyJws(Body, keys)));
      await this.#sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
    return orders;
  }

  /** Collects orders until `enough` of them are there. */
  async ordersUntil(enough: (orders: readonly Order[]) => boolean): Promise<Order[]> {
    const orders: Order[] = [];
    for (let round = 0; round < 10 && !enough(orders); round++) orders.push(...(await this.orders(2)));
    return orders;
  }

  close(): void {
    this.#sqs.destroy();
  }
}

/** Lines of one accepted message, as Postfix writes them; `at` is a time without zone, read as UTC. */
export function submission(at: Date, queueId: string, login: string, sender: string, client = '192.0.2.7'): string[] {
  const stamp = at.toISOString().replace('Z', '+00:00');
  const line = (program: string, text: string): string => `${stamp} mx1 postfix/${program}[100]: ${queueId}: ${text}`;
  return [
    line('smtpd', `client=unknown[${client}], sasl_method=PLAIN, sasl_username=${login}`),
    line('cleanup', `message-id=<${queueId}@example.org>`),
    line('qmgr', `from=<${sender}>, size=500, nrcpt=1 (queue active)`),
  ];
}

/** Polls until `probe` answers something. */
export async function eventually<T>(probe: () => Promise<T | undefined>, ms = 10_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
