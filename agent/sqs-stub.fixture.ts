import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as z from 'zod';
import type { AgentConfig } from './config.ts';

/** A queue service for the agent's own tests: AWS's JSON protocol, no signatures, everything in memory. */
export interface SqsStub {
  /** Bodies sent, by the last part of the queue's URL. */
  readonly sent: ReadonlyMap<string, string[]>;
  /** Answers with this instead, while set; `only` one action. */
  fault:
    | { readonly status: number; readonly type: string; readonly message: string; readonly only?: string }
    | undefined;
  /** Puts a message into the command queue. */
  command(body: string): void;
  /** Command messages not deleted yet. */
  readonly waiting: readonly string[];
  readonly config: Pick<AgentConfig, 'endpoint' | 'region' | 'accessKeyId' | 'secretAccessKey' | 'queues'>;
  close(): Promise<void>;
}

const request = z.object({
  QueueUrl: z.string(),
  MessageBody: z.string().optional(),
  ReceiptHandle: z.string().optional(),
  WaitTimeSeconds: z.number().optional(),
});

interface Waiting {
  readonly id: string;
  readonly body: string;
  isInFlight: boolean;
}

export async function startSqsStub(port = 0): Promise<SqsStub> {
  const sent = new Map<string, string[]>();
  const commands: Waiting[] = [];
  const polls = new Set<() => void>();
  const stub: { fault: SqsStub['fault'] } = { fault: undefined };

  const answer = async (action: string, body: z.infer<typeof request>, isGone: () => boolean): Promise<unknown> => {
    const queue = new URL(body.QueueUrl).pathname.split('/').at(-1) ?? '';
    switch (action) {
      case 'SendMessage': {
        const text = body.MessageBody ?? '';
        sent.set(queue, [...(sent.get(queue) ?? []), text]);
        return { MessageId: randomUUID(), MD5OfMessageBody: md5(text) };
      }
      case 'ReceiveMessage': {
        const ready = () => commands.filter((each) => !each.isInFlight).slice(0, 10);
        if (ready().length === 0) {
          await new Promise<void>((resolve) => {
            polls.add(resolve);
            setTimeout(resolve, (body.WaitTimeSeconds ?? 0) * 1000).unref();
          });
        }
        // Nothing is handed to an agent that was killed while it waited.
        const batch = isGone() ? [] : ready();
        for (const each of batch) each.isInFlight = true;
        return {
          Messages: batch.map((each) => ({
            MessageId: each.id,
            ReceiptHandle: each.id,
            Body: each.body,
            MD5OfBody: md5(each.body),
          })),
        };
      }
      case 'DeleteMessage':
        for (const [index, each] of commands.entries()) if (each.id === body.ReceiptHandle) commands.splice(index, 1);
        return {};
      case 'ChangeMessageVisibility':
        for (const each of commands) if (each.id === body.ReceiptHandle) each.isInFlight = false;
        return {};
      default:
        throw new Error(`no action ${action}`);
    }
  };

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = request.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    const action = String(incoming.headers['x-amz-target']).split('.').at(-1) ?? '';
    outgoing.setHeader('content-type', 'application/x-amz-json-1.0');
    const fault = stub.fault;
    if (fault !== undefined && (fault.only ?? action) === action) {
      outgoing.statusCode = fault.status;
      outgoing.end(JSON.stringify({ __type: `com.amazonaws.sqs#${fault.type}`, message: fault.message }));
      return;
    }
    outgoing.end(JSON.stringify(await answer(action, body, () => outgoing.destroyed)));
  };
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : 0;
  const url = `http://127.0.0.1:${bound}`;
  return {
    sent,
    get fault() {
      return stub.fault;
    },
    set fault(fault) {
      stub.fault = fault;
    },
    command(body) {
      commands.push({ id: randomUUID(), body, isInFlight: false });
      for (const wake of polls) wake();
      polls.clear();
    },
    get waiting() {
      return commands.map((each) => each.body);
    },
    config: {
      endpoint: url,
      region: 'local',
      accessKeyId: 'AKIDSTUB',
      secretAccessKey: 'secret',
      queues: { events: `${url}/1/events`, reports: `${url}/1/reports`, commands: `${url}/1/commands.fifo` },
    },
    async close() {
      for (const wake of polls) wake();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
