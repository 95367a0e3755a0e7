import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { HeartbeatMessage, ReportMessage } from '../shared/wire/events.ts';
import { backfillPacks } from './backfill.ts';
import type { AgentConfig } from './config.ts';
import { Counters } from './counters.ts';
import { loadCredentialChain } from './credential-chain.ts';
import { CursorFile } from './cursor-file.ts';
import { dropPrivileges } from './drop.ts';
import { ExecClient } from './exec-client.ts';
import { Follower } from './follow.ts';
import { heartbeat } from './heartbeat.ts';
import { Hints } from './hints.ts';
import { InForce } from './in-force.ts';
import { openIndexDatabase } from './index-schema.ts';
import { IndexStore } from './index-store.ts';
import { type Log, reasonOf } from './log.ts';
import { OwnActs } from './own-acts.ts';
import { Packer } from './packer.ts';
import { pause } from './pause.ts';
import { BrakeThread } from './policy/brake-thread.ts';
import { policyFolders, socketIn } from './policy/places.ts';
import { queueClient, Sender } from './queue-client.ts';
import { Receiver } from './receive.ts';
import { Results } from './results.ts';
import { Shipper } from './ship.ts';
import { type Listing, postqueueListing, snapshot } from './snapshot.ts';
import { Tail } from './tail.ts';
import { Urgency } from './urgency.ts';

/** About 250 MB on disk. */
const maxIndexRows = 2_000_000;
/** Listing a large queue reads every file in it: it gets a twentieth of the time at most. */
const snapshotShare = 20;

/**
 * What comes before {@link startAgent} in a process that is root's: everything that only root may read is loaded, the
 * state directory is made, and root is given up for good. Returns what {@link startAgent} takes over.
 * @throws Error if root could be had back
 */
export async function becomeAgentUser(options: {
  config: AgentConfig;
  stateDirectory: string;
  log: Log;
}): Promise<{ brake?: BrakeThread }> {
  const { config, stateDirectory, log } = options;
  await loadCredentialChain(config);
  const folders = config.brake === undefined ? [] : policyFolders(config.instances, log);
  const brake = await loadBrake(config, folders, log);
  dropPrivileges({ user: config.user, directories: [stateOf(stateDirectory)], groupDirectories: folders, log });
  return brake === undefined ? {} : { brake };
}

/**
 * The unprivileged half of a relay: ships the maillogs (unless Vector does), keeps the local index, carries orders to exec and results back.
 * Its state is `stateDirectory`/agent.
 */
export async function startAgent(options: {
  config: AgentConfig;
  stateDirectory: string;
  log: Log;
  /** For relays without Postfix's tools; `postqueue -j` where absent. */
  listing?: Listing;
  /** Loaded already where root was given up. */
  brake?: BrakeThread;
}): Promise<{ close(): Promise<void> }> {
  const { config, log } = options;
  const { relay, zone } = config;
  const state = stateOf(options.stateDirectory);
  await mkdir(state, { recursive: true, mode: 0o700 });
  const stop = new AbortController();
  const { signal } = stop;
  const counters = new Counters();
  const sending = queueClient(config, 20);
  const receiving = queueClient(config, 40);
  const events = new Sender({ client: sending, queueUrl: config.queues.events, signal, log });
  const reports = new Sender({ client: sending, queueUrl: config.queues.reports, signal, log });
  const store = new IndexStore(openIndexDatabase(join(state, 'index.sqlite'), log), { maxRows: maxIndexRows });
  const inForce = await InForce.load(join(state, 'in-force.json'), log);
  const ownActs = await OwnActs.load(join(state, 'own-acts.json'), log);
  const urgency = new Urgency((login) => inForce.has(login, store.rule, Date.now()));
  const brake =
    options.brake ?? (await loadBrake(config, config.brake ? policyFolders(config.instances, log) : [], log));
  brake?.setRule(store.rule);
  const listing: Listing = options.listing ?? ((name, on) => postqueueListing(configDirectory(config, name), on));

  const takeSnapshots = async (send: (message: ReportMessage) => Promise<boolean>) => {
    for (const { name } of config.instances) {
      const loginOf = (instance: string, queueId: string) => store.loginOf(instance, queueId);
      await send(await snapshot({ relay, instance: name, listing: listing(name, signal), loginOf }));
    }
  };
  const perform: ConstructorParameters<typeof Results>[0]['perform'] = async ({ act, backfill }) => {
    if (act === 'snapshot') return takeSnapshots((message) => reports.send(message));
    if (backfill === undefined) throw new Error('backfill: no range given');
    if (!config.maillogs.includes(backfill.file))
      throw new Error(`backfill: ${backfill.file} is no maillog of this relay`);
    for await (const pack of backfillPacks({ relay, zone, ...backfill })) await events.send(pack);
  };
  const results = new Results({ relay, reports, ownActs, perform, log });
  const exec: ExecClient = new ExecClient({
    path: config.execSocket,
    signal,
    log,
    onFinal: (answer) => results.handOn(answer),
    onConnected: () => hints.connected(),
  });
  const hints: Hints = new Hints({ exec, store, inForce, counters, log });

  /** A loop that fails is a bug: said, and begun again from what it kept, so that the others are not hurt. */
  const supervise = async (name: string, run: () => Promise<void>) => {
    while (!signal.aborted) {
      try {
        await run();
      } catch (error) {
        counters.add('loopsFailed');
        log.error({ loop: name, reason: reasonOf(error) }, `${name} failed; starting it again`);
        await pause(1_000, signal);
      }
    }
  };
  const ship = async (file: string) => {
    const cursorFile = new CursorFile(join(state, `ship-${digest(file)}.json`), log);
    const tail = new Tail({ file, cursor: await cursorFile.load(), log, counters });
    const packer = new Packer({ relay, file, zone });
    try {
      await new Shipper({ tail, packer, cursorFile, sender: events, urgency, counters, signal }).run();
    } finally {
      await tail.close();
    }
  };
  const follow = (file: string) =>
    new Follower({ file, zone, store, counters, log, signal, onArrivals: (arrivals) => hints.arrived(arrivals) }).run();
  const receive = () =>
    new Receiver({
      ...{ client: receiving, queueUrl: config.queues.commands, exec, store, inForce, hints, ownActs, results },
      ...{ signal, log, onRule: (rule) => brake?.setRule(rule) },
    }).run();
  const beat = async () => {
    let last: HeartbeatMessage['desired'] = { generation: 0, digest: '' };
    while (!signal.aborted) {
      // Right after a start exec is still being connected: an empty state would be a false alarm.
      for (let tenths = 0; tenths < 20 && !exec.isConnected; tenths++) await pause(100, signal);
      const message = await heartbeat(config, exec, counters, last);
      last = message.desired;
      await reports.sendOnce(message);
      await pause(config.heartbeatSeconds * 1_000, signal);
    }
  };
  const takeSnapshotsEver = async () => {
    while (!signal.aborted) {
      const began = performance.now();
      await takeSnapshots((message) => reports.sendOnce(message)).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ reason: reasonOf(error) }, 'no snapshot of the queue');
      });
      const tookMs = performance.now() - began;
      await pause(Math.max(config.snapshotSeconds * 1_000, tookMs * snapshotShare), signal);
    }
  };

  const loops = [
    supervise('the connection to exec', () => exec.run()),
    supervise('receiving orders', receive),
    supervise('heartbeats', beat),
    supervise('snapshots', takeSnapshotsEver),
    ...(config.shipper === 'agent' ? config.maillogs : []).map((file) =>
      supervise(`shipping ${file}`, () => ship(file)),
    ),
    ...(brake === undefined ? [] : [brake]).map((each) =>
      supervise('the brake', () => each.run({ file: join(state, 'brake.jsonl'), counters, signal })),
    ),
    ...config.maillogs.map((file) => supervise(`indexing ${file}`, () => follow(file))),
  ];
  log.info({ relay, maillogs: config.maillogs }, 'agent started');
  return {
    async close() {
      stop.abort();
      await Promise.all(loops);
      await hints.close();
      store.close();
      sending.destroy();
      receiving.destroy();
    },
  };
}

async function loadBrake(
  { brake }: AgentConfig,
  folders: ReturnType<typeof policyFolders>,
  log: Log,
): Promise<BrakeThread | undefined> {
  if (brake === undefined) return undefined;
  const tcp = brake.tcp === undefined ? [] : [{ name: 'tcp', ...brake.tcp }];
  return BrakeThread.load(brake, [...folders.map(socketIn), ...tcp], log);
}

function stateOf(stateDirectory: string): string {
  return join(stateDirectory, 'agent');
}

function configDirectory(config: AgentConfig, name: string): string {
  const instance = config.instances.find((each) => each.name === name);
  if (instance === undefined) throw new Error(`no instance ${name} in agent.yaml`);
  return instance.configDirectory;
}

function digest(file: string): string {
  return createHash('sha256').update(file).digest('hex').slice(0, 16);
}
