import * as z from 'zod';

const minutes = z
  .int()
  .min(1)
  .max(7 * 1_440);
const windows = z.array(z.strictObject({ limit: z.int().min(1).max(1_000_000), minutes })).max(4);

/**
 * `brake:` in agent.yaml; without it there is no brake. Defaults leave room for a person who works, not for a campaign:
 * what sends more wants an exemption.
 */
export const brakeSettings = z.strictObject({
  /** HOLD takes the mail into the hold queue; 450 refuses it for now: for services where HOLD is not available. */
  answer: z.union([z.literal('HOLD'), z.literal(450)]).default('HOLD'),
  /** Each list: every window counts. An empty list: no such limit. */
  messages: windows.default([
    { limit: 50, minutes: 10 },
    { limit: 400, minutes: 1_440 },
  ]),
  recipients: windows.default([
    { limit: 200, minutes: 10 },
    { limit: 1_000, minutes: 1_440 },
  ]),
  /** Recipients that the account wrote to for the first time, as far as remembered: the latest 512. */
  firstTimeRecipients: windows.default([{ limit: 100, minutes: 60 }]),
  /** So long after an account was first seen its first-time recipients are only remembered. */
  learnHours: z
    .int()
    .min(0)
    .max(30 * 24)
    .default(24),
  exemptions: z
    .array(
      z.strictObject({
        account: z.string().min(1).max(512),
        reason: z.string().min(1).max(200),
        /** First day, UTC, on which it is over. */
        until: z.iso.date(),
        /** The ceiling: the account's limits times this. */
        times: z.int().min(2).max(1_000),
      }),
    )
    .max(1_000)
    .default([]),
  /**
   * Also listens there. Any local user can then ask in an account's name and spend its limits: only where smtpd cannot
   * reach the socket in the queue directory.
   */
  tcp: z.strictObject({ address: z.union([z.ipv4(), z.ipv6()]), port: z.int().min(1).max(65_535) }).optional(),
});
export type BrakeSettings = z.infer<typeof brakeSettings>;
