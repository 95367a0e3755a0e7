import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Enrolled } from '../../functions/api/enrol.ts';
import type { Places } from '../places.ts';
import { table, when } from '../table.ts';
import { ApiClient } from './client.ts';

/** `holdfast relay enrol NAME` */
export async function enrolRelay(
  places: Places,
  name: string,
  { into, json, role }: { into?: string; json?: true; role?: string },
): Promise<void> {
  const enrolled = await ApiClient.open(places).enrol(name, role);
  const files = relayFiles(enrolled);
  if (json) return console.log(JSON.stringify({ ...enrolled, files }));
  if (into === undefined) {
    for (const [file, text] of Object.entries(files)) console.log(`# ${file} (0600)\n${text}`);
    return;
  }
  writeRelayFiles(into, files);
  const written = Object.keys(files).map((file) => join(into, file));
  console.log(`wrote ${written.join(' and ')}`);
}

/** `holdfast relay list` */
export async function listRelays(places: Places, json: boolean): Promise<void> {
  const relays = await ApiClient.open(places).relays();
  if (json) return console.log(JSON.stringify(relays));
  const rows = relays.map(({ relay, enrolledAt, heardAt }) => [
    relay,
    when(enrolledAt),
    heardAt === undefined ? 'never' : when(heardAt),
  ]);
  console.log(table(['RELAY', 'ENROLLED', 'LAST HEARD'], rows));
}

/** `holdfast relay rotate NAME` */
export async function rotateRelay(
  places: Places,
  name: string,
  { finish, json }: { finish?: true; json?: true },
): Promise<void> {
  const client = ApiClient.open(places);
  if (finish) {
    await client.finishRotation(name);
    return console.log(json ? JSON.stringify({ rotated: name }) : `${name}: the old key is no good any more`);
  }
  const key = await client.rotate(name);
  if (json) return console.log(JSON.stringify(key));
  console.log(`# for agent.yaml of ${name}; once it runs with them: holdfast relay rotate ${name} --finish`);
  console.log(stringify(key).trimEnd());
}

/** `holdfast relay revoke NAME` */
export async function revokeRelay(places: Places, name: string): Promise<void> {
  await ApiClient.open(places).revoke(name);
  console.log(`${name} is revoked`);
}

/** What differs from a relay with one Postfix in the usual places. */
export interface RelayPlaces {
  readonly maillogs?: readonly string[];
  readonly instances?: readonly { readonly name: string; readonly configDirectory: string }[];
  readonly socket?: string;
  readonly user?: string;
  readonly allowPurge?: boolean;
  readonly heartbeatSeconds?: number;
  readonly zone?: string;
}

/** agent.yaml and exec.yaml of a relay that was just enrolled. */
export function relayFiles(
  { relay, access, hubKeys }: Enrolled,
  places: RelayPlaces = {},
): Record<'agent.yaml' | 'exec.yaml', string> {
  const instances = places.instances ?? [{ name: 'postfix', configDirectory: '/etc/postfix' }];
  const socket = places.socket ?? '/run/holdfast/exec.sock';
  const user = places.user ?? 'holdfast';
  const { endpoint, region, key, queues } = access;
  const agent = {
    relay,
    ...(endpoint !== undefined && { endpoint }),
    region,
    ...key,
    queues,
    maillogs: places.maillogs ?? ['/var/log/mail.log'],
    instances,
    execSocket: socket,
    user,
    ...(places.zone !== undefined && { zone: places.zone }),
    ...(places.heartbeatSeconds !== undefined && { heartbeatSeconds: places.heartbeatSeconds }),
  };
  const exec = { relay, hubKeys, socket, agentUser: user, instances, allowPurge: places.allowPurge ?? false };
  return { 'agent.yaml': stringify(agent), 'exec.yaml': stringify(exec) };
}

export function writeRelayFiles(directory: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o600 });
}
