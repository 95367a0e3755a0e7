import { createHash } from 'node:crypto';

/** Names of what enrolment makes for one relay. IAM allows 64 characters, SQS 80 with the `.fifo`. */
const maxNameLength = 64;

/** `holdfast-production-relay-mx1`; a name that is too long ends in a hash of itself instead. */
export function relayResourceName(environment: string, relay: string): string {
  const name = `${relayNamePrefix(environment)}${relay}`;
  if (name.length <= maxNameLength) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return `${name.slice(0, maxNameLength - hash.length - 1)}-${hash}`;
}

/** What all of an environment's relays begin with: policies of the functions end here. */
export function relayNamePrefix(environment: string): string {
  return `holdfast-${environment}-relay-`;
}

/** IAM path of an environment's relays, users and roles alike: beyond it enrolment has no rights. */
export function relayPath(environment: string): string {
  return `/holdfast/${environment}/`;
}

/** Queue names take no dots, relay names no underscores: one stands for the other. */
export function commandQueueName(environment: string, relay: string): string {
  return `${relayResourceName(environment, relay).replaceAll('.', '_')}.fifo`;
}
