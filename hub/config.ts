import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as z from 'zod';
import { loadConfig } from '../shared/config/load.ts';

const port = z.int().min(0).max(65_535);

/** hub.yaml. Everything has a default: a hub for one machine needs no file at all. */
export const hubConfig = z.strictObject({
  /** Address of both endpoints. Other than loopback needs `tls`. */
  listen: z
    .string()
    .refine((text) => isIP(text) !== 0, 'an IP address without a port')
    .default('127.0.0.1'),
  sqsPort: port.default(9400),
  apiPort: port.default(9401),
  tls: z.strictObject({ certificate: z.string(), key: z.string() }).optional(),
  /** Host name that relays use in queue URLs; default: `listen`. */
  hostName: z.string().min(1).optional(),
  /** Appended to logins without one. Fixed at the first start. */
  realm: z
    .string()
    .regex(/^[^\s@]+$/, 'a domain, without @ and blanks')
    .optional(),
  /** `{ mail.example.org: example.org }`. Fixed at the first start. */
  realmAliases: z.record(z.string(), z.string()).default({}),
  /** Automatic containments in an hour; beyond it findings open still, but wait for a person. */
  maxContainmentsPerHour: z.int().min(0).max(10_000).default(50),
  /** Folder of rules; default: the shipped ones. */
  rules: z.string().default(join(import.meta.dirname, '../rules')),
});
export type HubConfig = z.infer<typeof hubConfig>;

/** hub.yaml of a config folder, or the defaults where there is none. @throws ConfigError */
export function loadHubConfig(configDirectory: string): HubConfig {
  const path = join(configDirectory, 'hub.yaml');
  return existsSync(path) ? loadConfig(path, hubConfig) : hubConfig.parse({});
}
