import * as z from 'zod';
import { relayId } from '../shared/wire/events.ts';
import { brakeSettings } from './policy/settings.ts';

const name = z.string().min(1).max(255);
const zone = z.string().refine(isZone, 'an IANA time zone, for example Europe/Berlin');
/** What `id` and the kernel take for a user's name; never an option. */
const userName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'a user name');

/** agent.yaml. It holds the relay's own access key: 0600, read before privileges are dropped. */
export const agentConfig = z
  .strictObject({
    relay: relayId,
    /** The SQS endpoint of an embedded hub; absent for AWS. */
    endpoint: z.url({ protocol: /^https?$/ }).optional(),
    region: z.string().min(1).max(64),
    /** Both or none; none means the credential chain of AWS. */
    accessKeyId: z.string().min(1).optional(),
    secretAccessKey: z.string().min(1).optional(),
    queues: z.strictObject({ events: z.url(), reports: z.url(), commands: z.url() }),
    maillogs: z.array(z.string().startsWith('/', 'an absolute path')).min(1).max(16),
    instances: z
      .array(z.strictObject({ name, configDirectory: z.string().startsWith('/', 'an absolute path') }))
      .min(1)
      .max(64),
    /** Who ships the maillogs: with `vector` the agent reads them for its own index and for backfills only. */
    shipper: z.enum(['agent', 'vector']).default('agent'),
    execSocket: z.string().startsWith('/', 'an absolute path'),
    user: userName.default('holdfast'),
    /** Of log lines that name no zone; this machine's where absent. */
    zone: zone.default(() => Intl.DateTimeFormat().resolvedOptions().timeZone),
    heartbeatSeconds: z.int().min(1).max(3600).default(60),
    snapshotSeconds: z.int().min(1).max(86_400).default(60),
    /** Limits per account while mail is submitted; none where absent. `{}` takes the defaults. */
    brake: brakeSettings.optional(),
  })
  .refine((config) => (config.accessKeyId === undefined) === (config.secretAccessKey === undefined), {
    message: 'accessKeyId and secretAccessKey go together',
    path: ['accessKeyId'],
  });
export type AgentConfig = z.infer<typeof agentConfig>;

function isZone(text: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}
