import type { Command } from 'commander';
import { placesOf } from '../places.ts';

export function addRelayCommands(program: Command): void {
  const relay = program.command('relay').description('enrol, list, rotate and revoke relays');

  relay
    .command('enrol <NAME>')
    .description('make a relay’s queue and credentials, and print the two config files that go to /etc/holdfast there')
    .option('--into <dir>', 'write agent.yaml and exec.yaml (0600) into this folder instead')
    .option('--role <name>', 'on AWS: the IAM role that the relay assumes by itself, instead of an access key')
    .option('--json', 'one JSON object')
    .action(async (name: string, options: { into?: string; json?: true; role?: string }, command: Command) => {
      const { enrolRelay } = await import('../api/relays.ts');
      await enrolRelay(placesOf(command), name, options);
    });

  relay
    .command('list')
    .description('relays, since when they are enrolled, and when they were last heard')
    .option('--json', 'a JSON list')
    .action(async ({ json }: { json?: true }, command: Command) => {
      const { listRelays } = await import('../api/relays.ts');
      await listRelays(placesOf(command), json ?? false);
    });

  relay
    .command('rotate <NAME>')
    .description('make a second access key for agent.yaml; the old one works until --finish')
    .option('--finish', 'end all keys but the newest')
    .option('--json', 'one JSON object')
    .action(async (name: string, options: { finish?: true; json?: true }, command: Command) => {
      const { rotateRelay } = await import('../api/relays.ts');
      await rotateRelay(placesOf(command), name, options);
    });

  relay
    .command('revoke <NAME>')
    .description('take a relay’s credentials back')
    .action(async (name: string, _options: object, command: Command) => {
      const { revokeRelay } = await import('../api/relays.ts');
      await revokeRelay(placesOf(command), name);
    });
}
