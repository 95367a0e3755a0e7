import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { agentConfig } from '../../agent/config.ts';
import { Counters } from '../../agent/counters.ts';
import { CursorFile } from '../../agent/cursor-file.ts';
import { Packer } from '../../agent/packer.ts';
import { queueClient, Sender } from '../../agent/queue-client.ts';
import { Shipper } from '../../agent/ship.ts';
import { Tail } from '../../agent/tail.ts';
import { Urgency } from '../../agent/urgency.ts';
import type { Access } from '../../functions/api/enrol.ts';
import type { RelayLog } from './traffic.ts';

/** Ships a relay's lines as they are written. */
export interface LineShipper {
  write(lines: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export type ShipperMaker = (access: Access, log: RelayLog) => Promise<LineShipper>;

const quiet = { info: () => {}, warn: () => {}, error: () => {} };

/** The agent's own: tail, urgency, packer and sender over a real file. */
export const agentShipper: ShipperMaker = async ({ endpoint, region, key, queues }, { relay }) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-shipper-'));
  const file = join(folder, 'mail.log');
  await writeFile(file, '');
  const config = agentConfig.parse({
    relay,
    ...{ endpoint, region, ...key, queues, maillogs: [file] },
    instances: [{ name: 'postfix', configDirectory: '/etc/postfix' }],
    execSocket: join(folder, 'exec.sock'),
  });
  const stop = new AbortController();
  const client = queueClient(config, 5);
  const cursorFile = new CursorFile(join(folder, 'cursor.json'), quiet);
  const counters = new Counters();
  const tail = new Tail({ file, cursor: await cursorFile.load(), log: quiet, counters });
  const sender = new Sender({ client, queueUrl: queues.events, signal: stop.signal, log: quiet });
  const packer = new Packer({ relay, file, zone: 'UTC' });
  const urgency = new Urgency(() => false);
  const running = new Shipper({ tail, packer, cursorFile, sender, urgency, counters, signal: stop.signal }).run();
  return {
    write: (lines) => appendFile(file, `${lines.join('\n')}\n`),
    stop: async () => {
      stop.abort();
      await running;
      await tail.close();
      client.destroy();
      await rm(folder, { recursive: true });
    },
  };
};

const vectorPackMs = 10_000;

/** As agent/vector/ configures Vector: a pack each ten seconds, whatever the lines say. */
export const tenSecondShipper: ShipperMaker = async ({ endpoint, region, key, queues }, log) => {
  const client = new SQSClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(key !== undefined && { credentials: key }),
  });
  let waiting: string[] = [];
  let sending = Promise.resolve();
  const flush = (): void => {
    if (waiting.length === 0) return;
    const { body } = log.pack(waiting, 0);
    waiting = [];
    const command = new SendMessageCommand({ QueueUrl: queues.events, MessageBody: body });
    sending = sending.then(async () => void (await client.send(command)));
  };
  const timer = setInterval(flush, vectorPackMs);
  return {
    write: async (lines) => void waiting.push(...lines),
    stop: async () => {
      clearInterval(timer);
      await sending;
      client.destroy();
    },
  };
};
