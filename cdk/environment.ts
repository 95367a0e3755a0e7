import type { Environment as Place } from 'aws-cdk-lib';
import * as z from 'zod';

/** One installation, e.g. `production`: its name is in the names of all its resources, so several fit one account. */
export interface Environment {
  readonly name: string;
  /** Account and region it is bound to. Absent: those of the credentials at deployment. */
  readonly place: Place;
}

/** Queue names end at 80 characters; this leaves room for the rest of ours. */
const name = z.string().regex(/^[a-z][a-z0-9-]{0,19}$/, 'expected 1 to 20 of a-z, 0-9 and -, a letter first');

const known = z.record(
  name,
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
  }),
);

/**
 * The environment to synthesise, by name out of those in cdk.json.
 * @param chosen what `-c environment=NAME` gave; absent: `dev`
 * @param environments cdk.json's `context.environments`
 * @throws Error naming what is wrong there, or which names there are
 */
export function chooseEnvironment(chosen: unknown, environments: unknown): Environment {
  const parsed = known.safeParse(environments);
  if (!parsed.success) throw new Error(`cdk.json, context.environments:\n${z.prettifyError(parsed.error)}`);
  const places = new Map(Object.entries(parsed.data));
  const wanted = chosen ?? 'dev';
  const place = typeof wanted === 'string' ? places.get(wanted) : undefined;
  if (typeof wanted !== 'string' || place === undefined) {
    throw new Error(
      `no environment ${JSON.stringify(wanted)} in cdk.json; there are: ${[...places.keys()].join(', ')}`,
    );
  }
  return { name: wanted, place };
}
