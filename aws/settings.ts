import * as z from 'zod';
import { ConfigError } from '../shared/config/config-error.ts';

const count = z.string().regex(/^\d+$/, 'a whole number').transform(Number);

/** What cdk/ tells each function by its environment; tests take the same from a deployed stack's outputs. */
const settings = z.object({
  /** Name of the installation, as in cdk.json; part of the names of all that enrolment makes. */
  HOLDFAST_ENVIRONMENT: z.string().min(1),
  HOLDFAST_TABLE: z.string().min(1),
  HOLDFAST_EVENTS_QUEUE: z.url(),
  HOLDFAST_REPORTS_QUEUE: z.url(),
  HOLDFAST_DISPATCH_QUEUE: z.url(),
  HOLDFAST_DEAD_QUEUE: z.url(),
  /** ARN or id of the P-256 key that signs orders. */
  HOLDFAST_SIGNING_KEY: z.string().min(1),
  HOLDFAST_EVENT_BUS: z.string().min(1),
  /** ARN of the permissions boundary of relays' users. */
  HOLDFAST_RELAY_BOUNDARY: z.string().min(1),
  /** Fixed at the first start; see shared/account. */
  HOLDFAST_REALM: z.string().min(1).optional(),
  /** JSON: `{"mail.example.org": "example.org"}` */
  HOLDFAST_REALM_ALIASES: z.string().default('{}').transform(aliases),
  HOLDFAST_MAX_CONTAINMENTS_PER_HOUR: count.default(50),
  /** Folder of rules. */
  HOLDFAST_RULES: z.string().min(1),
  /** Set by the platform. */
  AWS_REGION: z.string().min(1),
  /** Only for another endpoint than AWS's own; the SDK reads it too. */
  AWS_ENDPOINT_URL: z.url().optional(),
});
export type Settings = z.infer<typeof settings>;

/** @throws ConfigError naming each variable that is missing or wrong */
export function settingsOf(environment: Readonly<Record<string, string | undefined>>): Settings {
  const parsed = settings.safeParse(environment);
  if (parsed.success) return parsed.data;
  throw new ConfigError(`environment variables:\n${z.prettifyError(parsed.error)}`);
}

/** SenderId is a principal on AWS itself, at whichever of its endpoints (VPC, FIPS, dual stack), and only there for certain. */
export function tellsPrincipals({ AWS_ENDPOINT_URL: endpoint }: Settings): boolean {
  return endpoint === undefined || /\.(amazonaws\.com(\.cn)?|api\.aws)$/.test(new URL(endpoint).hostname);
}

function aliases(text: string, context: z.RefinementCtx): Record<string, string> {
  try {
    return z.record(z.string(), z.string()).parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: 'custom', message: 'want JSON of names to names' });
    return z.NEVER;
  }
}
