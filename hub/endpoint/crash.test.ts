import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { openHubDatabase } from '../database.ts';
import { QueueStore } from '../queues.ts';

const hello = z.object({ url: z.string(), accessKeyId: z.string(), secretAccessKey: z.string() });

it('every acknowledged send is there, once and whole, after the hub was killed with -9 among them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-crash-'));
  const path = join(folder, 'hub.sqlite');
  const program = fileURLToPath(new URL('crash.fixture.ts', import.meta.url));
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const [line] = await once(lines, 'line');
  const { url, ...credentials } = hello.parse(JSON.parse(String(line)));
  const client = new SQSClient({ endpoint: url, region: 'hub', credentials, maxAttempts: 1 });
  const bodyOf = (id: string): string => `${id} ${id.repeat(2000)}`;
  const acknowledged: string[] = [];
  const sender = async (name: string): Promise<void> => {
    for (let index = 0; ; index++) {
      const id = `${name}${index}`;
      const sent = client.send(new SendMessageCommand({ QueueUrl: `${url}/000000000000/q`, MessageBody: bodyOf(id) }));
      if (
        !(await sent.then(
          () => true,
          () => false,
        ))
      )
        return;
      acknowledged.push(id);
    }
  };
  const senders = ['a', 'b', 'c', 'd'].map(sender);
  while (acknowledged.length <= 40) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill('SIGKILL');
  await Promise.all([exited, ...senders]);
  lines.close();
  client.destroy();

  const db = openHubDatabase(path);
  const queues = new QueueStore(db);
  const found: string[] = [];
  for (;;) {
    const messages = await queues.receive('q', { maxMessages: 10, waitSeconds: 0, signal: AbortSignal.abort() });
    if (messages.length === 0) break;
    for (const { body } of messages) {
      const id = body.split(' ')[0] ?? '';
      expect(body === bodyOf(id)).toBe(true);
      found.push(id);
    }
  }
  db.close();
  await rm(folder, { recursive: true });
  expect(acknowledged.length).toBeGreaterThan(20);
  expect(new Set(found).size).toBe(found.length);
  expect(acknowledged.filter((id) => !found.includes(id))).toEqual([]);
});
