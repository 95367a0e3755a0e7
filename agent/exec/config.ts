import * as z from 'zod';
import { relayId } from '../../shared/wire/events.ts';

/** exec.yaml: root's own, 0600. Exec's limits stand here and not in any order, so that a stolen hub key meets them. */
export const execConfig = z.strictObject({
  relay: relayId,
  /** Public keys (PEM, P-256) that orders may be signed with, by key ID. */
  hubKeys: z
    .record(z.string().min(1).max(128), z.string())
    .refine((keys) => Object.keys(keys).length > 0, 'at least one public key of the hub'),
  /** Path of the unix socket. */
  socket: z.string().startsWith('/', 'an absolute path').default('/run/holdfast/exec.sock'),
  /** Owner of the socket: the only user that may carry orders. */
  agentUser: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'a user name')
    .default('holdfast'),
  instances: z
    .array(
      z.strictObject({
        /** Its syslog_name. */
        name: z.string().min(1).max(255),
        configDirectory: z.string().startsWith('/', 'an absolute path: Postfix wants one'),
      }),
    )
    .min(1)
    .max(64),
  /** Off: nothing is ever deleted, whatever the hub orders. */
  allowPurge: z.boolean().default(false),
  limits: z
    .strictObject({
      messagesPerCommand: z.int().positive().default(1_000_000),
      commandsPerHour: z.int().positive().default(1000),
    })
    .prefault({}),
  /** Accounts that exec never contains. */
  protectedAccounts: z.array(z.string().min(1).max(512)).max(10_000).default([]),
});
export type ExecConfig = z.infer<typeof execConfig>;
