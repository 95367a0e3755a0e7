import { HTTPException } from 'hono/http-exception';
import type { Registration } from '../../shared/store/relays.ts';
import type { Deps } from '../deps.ts';

/** Where relays get their queue and credentials: the hub's own file, or IAM. */
export interface Enrolment {
  /**
   * Makes the relay's command queue and credentials.
   * @param role AWS only: the IAM role that the relay assumes by itself (IAM Roles Anywhere, an instance profile);
   *   it gets the relay's rights, and no key is made
   */
  create(relay: string, role?: string): Promise<Access>;
  /** A second access key beside the one in use. @throws HTTPException 409 where there are two already */
  rotate(relay: string): Promise<AccessKey>;
  /** Ends all but the newest access key. */
  retireOldKeys(relay: string): Promise<void>;
  /** Takes the credentials back; messages already sent stay. */
  remove(relay: string, role?: string): Promise<void>;
  /** Keys that exec accepts, kid → PEM. */
  hubKeys(): Promise<Readonly<Record<string, string>>>;
}

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Access {
  /** Absent on AWS itself. */
  readonly endpoint?: string;
  readonly region: string;
  /** Absent where the relay assumes a role. */
  readonly key?: AccessKey;
  readonly queues: { readonly events: string; readonly reports: string; readonly commands: string };
  /** Absent where the endpoint tells no principals. */
  readonly senderId?: string;
}

/** What the relay's two config files need. The secret is shown once and kept by nobody but the relay. */
export interface Enrolled {
  readonly relay: string;
  readonly access: Access;
  readonly hubKeys: Readonly<Record<string, string>>;
}

export async function enrol(
  deps: Deps,
  enrolment: Enrolment,
  { name: relay, role }: { readonly name: string; readonly role?: string | undefined },
  actor: string,
): Promise<Enrolled> {
  if ((await deps.relays.get(relay)) !== undefined) {
    throw new HTTPException(409, { message: `relay ${relay} is enrolled already; revoke it first` });
  }
  const now = deps.nowMs();
  const access = await enrolment.create(relay, role);
  const { senderId, queues } = access;
  const bound = { ...(senderId !== undefined && { senderId }), ...(role !== undefined && { role }) };
  await deps.relays.enrol({ relay, ...bound, commandQueueUrl: queues.commands, enrolledAt: now, zone: 'UTC' });
  const detail = senderId ?? 'bound to no principal: the endpoint tells none';
  await deps.findings.writeAudit({ at: now, actor, what: 'enrolled', subject: relay, detail }, deps.newId());
  return { relay, access, hubKeys: await enrolment.hubKeys() };
}

/** A new key; the old one works until {@link finishRotation}, so that nothing is lost between. */
export async function rotate(deps: Deps, enrolment: Enrolment, relay: string, actor: string): Promise<AccessKey> {
  await mustBeEnrolled(deps, relay);
  const key = await enrolment.rotate(relay);
  const audit = { at: deps.nowMs(), actor, what: 'rotated', subject: relay, detail: `new key ${key.accessKeyId}` };
  await deps.findings.writeAudit(audit, deps.newId());
  return key;
}

export async function finishRotation(deps: Deps, enrolment: Enrolment, relay: string, actor: string): Promise<void> {
  await mustBeEnrolled(deps, relay);
  await enrolment.retireOldKeys(relay);
  const audit = { at: deps.nowMs(), actor, what: 'rotated', subject: relay, detail: 'only the newest key is left' };
  await deps.findings.writeAudit(audit, deps.newId());
}

export async function revoke(deps: Deps, enrolment: Enrolment, relay: string, actor: string): Promise<void> {
  const { role } = await mustBeEnrolled(deps, relay);
  await deps.relays.revoke(relay);
  await enrolment.remove(relay, role);
  const audit = { at: deps.nowMs(), actor, what: 'revoked', subject: relay, detail: '' };
  await deps.findings.writeAudit(audit, deps.newId());
}

async function mustBeEnrolled(deps: Deps, relay: string): Promise<Registration> {
  const registered = await deps.relays.get(relay);
  if (registered === undefined) throw new HTTPException(404, { message: `no relay ${relay}` });
  return registered;
}

export function rotationUnfinished(relay: string): HTTPException {
  const message = `relay ${relay} has two keys already: finish the rotation first`;
  return new HTTPException(409, { message });
}
