import { join } from 'node:path';
import { readAccessMap, writeAccessMap } from './access-map.ts';
import type { Postfix, PostsuperAct, QueueName } from './postfix.ts';
import { isQueueId } from './queue-id.ts';
import { destroySession, liveSessions } from './sockets.ts';
import { inspectFile, type SpoolLayout, scanQueues } from './spool.ts';
import { runTool, runToolOrThrow } from './tool.ts';

/** One instance as exec.yaml names it. */
export interface InstanceConfig {
  /** Its syslog_name. */
  readonly name: string;
  readonly configDirectory: string;
}

interface Instance extends InstanceConfig, SpoolLayout {
  readonly commandDirectory: string;
}

const postsuperArguments: Readonly<Record<PostsuperAct, readonly string[]>> = {
  hold: ['-h', '-'],
  release: ['-H', '-'],
  // Only ever from the hold queue: a message there cannot be delivered or replaced under our hands (I4).
  purge: ['-d', '-', 'hold'],
};

const reported: Readonly<Record<PostsuperAct, RegExp>> = {
  hold: /^postsuper: ([0-9A-Za-z]+): placed on hold$/,
  release: /^postsuper: ([0-9A-Za-z]+): released from hold$/,
  purge: /^postsuper: ([0-9A-Za-z]+): removed$/,
};

/** A batch of thousands under injection on a slow disk took half a minute; ten say that it hangs. */
const postsuperTimeoutSeconds = 600;

/** Postfix's own tools behind the port. @throws Error if an instance's main.cf cannot be read */
export async function realPostfix(configs: readonly InstanceConfig[]): Promise<Postfix> {
  const instances = new Map<string, Instance>();
  for (const config of configs) instances.set(config.name, await readInstance(config));
  const at = (name: string): Instance => {
    const instance = instances.get(name);
    if (instance === undefined) throw new Error(`no instance ${JSON.stringify(name)} on this relay`);
    return instance;
  };
  return {
    instances: [...instances.keys()],
    async inspect(name, queueId) {
      const instance = instances.get(name);
      return instance === undefined ? undefined : inspectFile(name, instance, queueId);
    },
    scan: (name, queues) => scan(instances, at(name), queues),
    postsuper: (name, act, queueIds) => postsuper(at(name), act, queueIds),
    writeMap: (name, entries) => writeAccessMap(at(name).commandDirectory, at(name).configDirectory, entries),
    readMap: (name) => readAccessMap(at(name).commandDirectory, at(name).configDirectory),
    sessions: (name) => liveSessions(name, at(name).queueDirectory),
    destroy: (session) => destroySession(session, at(session.instance).queueDirectory),
  };
}

/** A scan reads main.cf anew: the hashing may have changed under a `postfix reload`. */
async function* scan(instances: Map<string, Instance>, known: Instance, queues: readonly QueueName[]) {
  const instance = await readInstance(known);
  instances.set(instance.name, instance);
  yield* scanQueues(instance.name, instance, queues);
}

async function readInstance(config: InstanceConfig): Promise<Instance> {
  const names = ['queue_directory', 'command_directory', 'hash_queue_names', 'hash_queue_depth'];
  const listing = await runToolOrThrow('postconf', ['-c', config.configDirectory, '-x', ...names]);
  const values = new Map(listing.split('\n').map((line) => [line.split(' = ')[0], line.split(' = ')[1]?.trim()]));
  const queueDirectory = values.get('queue_directory');
  if (queueDirectory === undefined) throw new Error(`${join(config.configDirectory, 'main.cf')}: no queue_directory`);
  return {
    name: config.name,
    configDirectory: config.configDirectory,
    queueDirectory,
    commandDirectory: values.get('command_directory') ?? '/usr/sbin',
    hashed: new Set((values.get('hash_queue_names') ?? '').split(/[\s,]+/)),
    hashDepth: Number(values.get('hash_queue_depth') ?? 1),
  };
}

/** postsuper skips unknown IDs silently and ends with 0 all the same, so only its per-ID lines count. */
async function postsuper(instance: Instance, act: PostsuperAct, queueIds: readonly string[]): Promise<Set<string>> {
  const bad = queueIds.find((id) => !isQueueId(id));
  if (bad !== undefined) throw new Error(`not a queue ID: ${JSON.stringify(bad.slice(0, 80))}`);
  const changed = new Set<string>();
  if (queueIds.length === 0) return changed;
  const argv = ['-c', instance.configDirectory, ...postsuperArguments[act]];
  const output = await runTool(join(instance.commandDirectory, 'postsuper'), argv, {
    stdin: queueIds.map((id) => `${id}\n`).join(''),
    timeoutSeconds: postsuperTimeoutSeconds,
  });
  const asked = new Set(queueIds);
  for (const line of output.stderr.split('\n')) {
    const id = reported[act].exec(line)?.[1];
    if (id !== undefined && asked.has(id)) changed.add(id);
  }
  if (output.code !== 0 && changed.size === 0) {
    throw new Error(`postsuper ended with ${output.code}: ${output.stderr.trim().slice(0, 500)}`);
  }
  return changed;
}
