import { mkdirSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ApiClient } from '../../cli/api/client.ts';
import { relayFiles, writeRelayFiles } from '../../cli/api/relays.ts';
import { readApiToken } from '../../hub/state.ts';
import type { Cast } from '../../lab/cast.ts';
import { freePort } from '../../lab/free-port.ts';
import { type LabPostfix, startPostfix } from '../../lab/postfix.ts';
import { type Cable, layCable } from './cable.ts';
import { Program } from './program.ts';

/** Real Postfix with its exec and agent. */
export interface ChaosRelay {
  readonly postfix: LabPostfix;
  readonly exec: Program;
  readonly agent: Program;
  readonly cable: Cable;
}

/** A hub and two relays, each program a process of its own: none of them knows that it will be killed. */
export interface ChaosFleet {
  readonly hub: Program;
  readonly hubState: string;
  readonly api: ApiClient;
  readonly relays: readonly ChaosRelay[];
  /** All five. */
  readonly programs: readonly Program[];
  /** Ends everything and removes the folder. */
  close(): Promise<void>;
}

export async function startChaosFleet(cast: Cast): Promise<ChaosFleet> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-chaos-'));
  // Postfix's own user has to reach its queue; secrets below are 0600 each.
  await chmod(folder, 0o755);
  const closers: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true, maxRetries: 5 })];
  const close = async (): Promise<void> => {
    for (const each of closers.splice(0).reverse()) await each();
  };
  try {
    const places = { config: join(folder, 'central', 'etc'), state: join(folder, 'central', 'state') };
    const [sqsPort, apiPort] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')];
    mkdirSync(places.config, { recursive: true });
    writeFileSync(join(places.config, 'hub.yaml'), stringify({ sqsPort, apiPort, realm: cast.realm }));
    const hub = new Program('hub', ['up', '--config', places.config, '--state', places.state], 'hub is ready');
    closers.push(() => hub.kill());
    await hub.startAndWait();
    const api = ApiClient.withToken(`http://127.0.0.1:${apiPort}`, readApiToken(places.state), 'security-team');
    const made = await Promise.allSettled(
      ['mx1', 'mx2'].map((name, index) => startRelay({ name, index, folder, cast, api, sqsPort, closers })),
    );
    // Only now is nothing being started any more, and all that was can be ended.
    const relays = made.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
    const programs = [hub, ...relays.flatMap(({ exec, agent }) => [exec, agent])];
    return { hub, hubState: places.state, api, relays, programs, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startRelay(options: {
  name: string;
  index: number;
  folder: string;
  cast: Cast;
  api: ApiClient;
  sqsPort: number;
  closers: (() => Promise<unknown>)[];
}): Promise<ChaosRelay> {
  const { name, index, cast, closers } = options;
  const folder = join(options.folder, name);
  const postfix = await startPostfix({
    directory: join(folder, 'postfix'),
    name,
    address: `127.0.2.${11 + index}`,
    users: cast.credentials,
    realm: cast.realm,
    deferTransports: true,
  });
  closers.push(() => postfix.stop());
  const cable = await layCable(options.sqsPort);
  closers.push(() => cable.close());
  const enrolled = await options.api.enrol(name);
  const access = { ...enrolled.access, endpoint: `http://127.0.0.1:${cable.port}` };
  const config = join(folder, 'etc');
  const files = relayFiles(
    { ...enrolled, access },
    {
      maillogs: [postfix.maillog],
      instances: [{ name, configDirectory: postfix.configDirectory }],
      socket: join(folder, 'run', 'exec.sock'),
      user: 'nobody',
      allowPurge: true,
      heartbeatSeconds: 2,
    },
  );
  writeRelayFiles(config, files);
  const place = ['--config', config, '--state', join(folder, 'state')];
  const exec = new Program(`${name} exec`, ['exec', ...place], 'exec is ready');
  closers.push(() => exec.kill());
  const agent = new Program(`${name} agent`, ['agent', ...place], 'agent is ready');
  closers.push(() => agent.kill());
  await exec.startAndWait();
  await agent.startAndWait();
  return { postfix, exec, agent, cable };
}
