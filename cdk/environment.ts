import type { Environment as Place } from 'aws-cdk-lib';
import * as z from 'zod';

/** One installation, e.g. `production`: its name is in the names of all its resources, so several fit one account. */
export interface Environment {
  readonly name: string;
  /** Account and region it is bound to. Absent: those of the credentials at deployment. */
  readonly place: Place;
  readonly settings: EnvironmentSettings;
}

/** What a site decides of an installation; where it says nothing, the functions' own defaults hold (aws/settings.ts). */
export interface EnvironmentSettings {
  /** Appended to logins without one. This and the aliases are fixed at the first start for good. */
  readonly realm?: string;
  readonly realmAliases?: Readonly<Record<string, string>>;
  /** Automatic containments in an hour before a person is asked instead. */
  readonly maxContainmentsPerHour?: number;
  /** Who gets findings and alarms by mail. */
  readonly notify?: string;
  /** Folder of rules instead of the shipped one, from where cdk.json lies. */
  readonly rules?: string;
}

/** Queue names end at 80 characters; this leaves room for the rest of ours. */
const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,19}$/, 'expected 1 to 20 of a-z, 0-9 and -, a letter first')
  // `a-relay-b` would own what `a` makes for its relay `b-…`, and `a-events` the dead letters of `a`.
  .refine((text) => !/(^|-)relay(-|$)|-(events|reports|dispatch)$/.test(text), 'could be part of another one’s names');

/** As hub.yaml takes it: it is fixed at the first start for good. */
const domain = z
  .string()
  .max(255)
  .regex(/^[^\s@]+$/, 'expected a domain, without @ and blanks');

const known = z
  .record(
    z.string(),
    z.strictObject({
      // A string: as a number it would lose its leading zeros.
      account: z
        .string()
        .regex(/^\d{12}$/, 'expected twelve digits')
        .exactOptional(),
      region: z
        .string()
        .regex(/^[a-z]{2}(-[a-z]+)+-\d+$/, 'expected a region, as us-east-1')
        .exactOptional(),
      realm: domain.exactOptional(),
      realmAliases: z.record(domain, domain).exactOptional(),
      maxContainmentsPerHour: z.int().nonnegative().exactOptional(),
      notify: z.email().exactOptional(),
      rules: z.string().min(1).exactOptional(),
    }),
  )
  // Not as the record's key: zod would only say that it is wrong, and not how.
  .superRefine((all, { addIssue }) => {
    for (const key of Object.keys(all)) {
      for (const { message } of name.safeParse(key).error?.issues ?? [])
        addIssue({ code: 'custom', message, path: [key] });
    }
  });

/**
 * The environment to synthesise, by name out of those in cdk.json.
 * @param chosen what `-c environment=NAME` gave; absent: `dev`
 * @param environments cdk.json's `context.environments`
 * @throws Error naming what is wrong there, or which names there are
 */
export function chooseEnvironment(chosen: unknown, environments: unknown): Environment {
  const parsed = known.safeParse(environments);
  if (!parsed.success) throw new Error(`cdk.json, context.environments:\n${z.prettifyError(parsed.error)}`);
  const all = new Map(Object.entries(parsed.data));
  const wanted = chosen ?? 'dev';
  const found = typeof wanted === 'string' ? all.get(wanted) : undefined;
  if (typeof wanted !== 'string' || found === undefined) {
    throw new Error(`no environment ${JSON.stringify(wanted)} in cdk.json; there are: ${[...all.keys()].join(', ')}`);
  }
  const { account, region, ...settings } = found;
  const place = { ...(account !== undefined && { account }), ...(region !== undefined && { region }) };
  return { name: wanted, place, settings };
}
