import { stat } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import type { HeartbeatMessage } from '../shared/wire/events.ts';
import type { AgentConfig } from './config.ts';
import type { Counters } from './counters.ts';
import type { ExecClient } from './exec-client.ts';

/** What the relay is and how it does, now. */
export async function heartbeat(
  config: AgentConfig,
  exec: ExecClient,
  counters: Counters,
  last: HeartbeatMessage['desired'],
): Promise<HeartbeatMessage> {
  // While exec is away what it had in force stays in force: the last known is the truth, not an empty state.
  const desired = await exec.status().catch(() => last);
  const addresses = ownAddresses();
  return {
    v: 1,
    kind: 'heartbeat',
    relay: config.relay,
    at: Date.now(),
    zone: config.zone,
    instances: config.instances.map(({ name }) => ({ name, addresses })),
    desired,
    maillogs: await sizes(config.maillogs),
    counts: { ...counters.all(), execConnected: exec.isConnected ? 1 : 0 },
  };
}

/** A log that is just being rotated, or that nobody writes, has no size. */
async function sizes(files: readonly string[]): Promise<{ file: string; bytes: number }[]> {
  const found = files.map((file) =>
    stat(file).then(
      ({ size: bytes }) => [{ file, bytes }],
      () => [],
    ),
  );
  return (await Promise.all(found)).flat();
}

function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return [...new Set(all.map(({ address }) => address))].slice(0, 64);
}
