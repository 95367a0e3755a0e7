import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hubConfig } from '../../hub/config.ts';
import { startHub } from '../../hub/main.ts';
import type { Cast } from '../../lab/cast.ts';
import type { LabRelay } from '../../lab/smtp-client.ts';
import { ApiClient } from '../api/client.ts';
import { type RelayPlaces, relayFiles, writeRelayFiles } from '../api/relays.ts';
import type { Places } from '../places.ts';

/** A message as it lies in a queue, by the queue file itself. */
export interface Lying {
  readonly held: boolean;
  /** SHA-256 of the file: the same bytes, the same message. */
  readonly digest: string;
  /** `sasl_username` of the file. */
  readonly login?: string;
  readonly client?: string;
}

/** A relay of the demo: Postfix or a model of it, with agent and exec running. */
export interface FleetRelay extends LabRelay {
  readonly maillog: string;
  /** Absent on a simulated relay. */
  readonly queueDirectory?: string;
  /** Every message in its queues, by queue ID. */
  truth(): Promise<ReadonlyMap<string, Lying>>;
  /** Ends agent, exec and Postfix. */
  close(): Promise<void>;
}

export interface Fleet {
  readonly simulated: boolean;
  readonly api: ApiClient;
  readonly relays: readonly FleetRelay[];
  /** Ends everything and removes the folder. */
  close(): Promise<void>;
}

interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** How one kind of relay is made, real or simulated. */
export interface RelayMaker {
  readonly simulated: boolean;
  /** Starts the mail side in `folder`, and says where its parts are. */
  mailSide(
    name: string,
    folder: string,
    cast: Cast,
  ): Promise<{ readonly places: RelayPlaces; readonly side: MailSide }>;
}

export interface MailSide {
  readonly lab: LabRelay;
  readonly maillog: string;
  readonly queueDirectory?: string;
  truth(): Promise<ReadonlyMap<string, Lying>>;
  /** Starts exec and agent over the config that was just written. */
  startHoldfast(places: Places): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

/** The central side of a fleet. */
export interface Central {
  readonly api: ApiClient;
  close(): Promise<void>;
}

export type CentralMaker = (folder: string, cast: Cast, log: Log) => Promise<Central>;

async function embeddedHub(folder: string, cast: Cast, log: Log): Promise<Central> {
  const config = hubConfig.parse({ sqsPort: 0, apiPort: 0, realm: cast.realm });
  const hub = await startHub({ config, stateDirectory: join(folder, 'central'), log });
  return { api: ApiClient.withToken(hub.apiUrl, hub.apiToken, 'security-team'), close: () => hub.close() };
}

/** A central side and some relays in a temporary folder, enrolled as a real one is. */
export async function startFleet(
  maker: RelayMaker,
  names: readonly string[],
  cast: Cast,
  log: Log,
  startCentral: CentralMaker = embeddedHub,
): Promise<Fleet> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-demo-'));
  // Postfix's own user has to reach its queue; secrets below are 0600 each.
  await chmod(folder, 0o755);
  const closers: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true, maxRetries: 5 })];
  const close = async (): Promise<void> => {
    for (const each of closers.splice(0).reverse()) await each();
  };
  try {
    const central = await startCentral(folder, cast, log);
    closers.push(() => central.close());
    const { api } = central;
    const started = await Promise.allSettled(
      names.map(async (name): Promise<FleetRelay> => {
        const places: Places = { config: join(folder, name, 'etc'), state: join(folder, name, 'state') };
        const { places: relayPlaces, side } = await maker.mailSide(name, join(folder, name), cast);
        closers.push(() => side.stop());
        const files = relayFiles(await api.enrol(name), {
          ...relayPlaces,
          socket: join(folder, name, 'run', 'exec.sock'),
          allowPurge: true,
          heartbeatSeconds: 5,
        });
        writeRelayFiles(places.config, files);
        const stopHoldfast = await side.startHoldfast(places);
        closers.push(stopHoldfast);
        return {
          name,
          maillog: side.maillog,
          ...(side.queueDirectory !== undefined && { queueDirectory: side.queueDirectory }),
          openSession: (options) => side.lab.openSession(options),
          truth: () => side.truth(),
          close: async () => {
            await stopHoldfast();
            await side.stop();
          },
        };
      }),
    );
    // Only now is nothing being started any more, and all that was can be ended.
    const relays = started.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
    return { simulated: maker.simulated, api, relays, close };
  } catch (error) {
    await close();
    throw error;
  }
}
