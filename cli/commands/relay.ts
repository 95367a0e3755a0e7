import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { Enrolled } from '../../functions/api/enrol.ts';
import { ApiClient } from '../api-client.ts';
import { placesOf } from '../places.ts';
import { table, when } from '../table.ts';

export function addRelayCommands(program: Command): void {
  const relay = program.command('relay').description('enrol, list and revoke relays');

  relay
    .command('enrol <NAME>')
    .description('make a relay’s queue and credentials, and print the two config files that go to /etc/holdfast there')
    .option('--into <dir>', 'write agent.yaml and exec.yaml (0600) into this folder instead')
    .option('--json', 'one JSON object')
    .action(async (name: string, options: { into?: string; json?: true }, command: Command) => {
      const enrolled = await ApiClient.open(placesOf(command)).enrol(name);
      const files = relayFiles(enrolled);
      if (options.json) return console.log(JSON.stringify({ ...enrolled, files }));
      if (options.into === undefined) {
        for (const [file, text] of Object.entries(files)) console.log(`# ${file} (0600)\n${text}`);
        return;
      }
      writeRelayFiles(options.into, files);
      console.log(
        `wrote ${Object.keys(files)
          .map((file) => join(options.into ?? '', file))
          .join(' and ')}`,
      );
    });

  relay
    .command('list')
    .description('relays, when they were last heard, and whether their desired state is in force')
    .option('--json', 'a JSON list')
    .action(async (options: { json?: true }, command: Command) => {
      const relays = await ApiClient.open(placesOf(command)).relays();
      if (options.json) return console.log(JSON.stringify(relays));
      const rows = relays.map((each) => [
        each.relay,
        when(each.enrolledAt),
        each.heardAt === undefined ? 'never' : when(each.heardAt),
      ]);
      console.log(table(['RELAY', 'ENROLLED', 'LAST HEARD'], rows));
    });

  relay
    .command('revoke <NAME>')
    .description('take a relay’s credentials back')
    .action(async (name: string, _options: object, command: Command) => {
      await ApiClient.open(placesOf(command)).revoke(name);
      console.log(`${name} is revoked`);
    });
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
  const { endpoint, region, accessKeyId, secretAccessKey, queues } = access;
  const agent = {
    relay,
    ...(endpoint !== undefined && { endpoint }),
    region,
    accessKeyId,
    secretAccessKey,
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
