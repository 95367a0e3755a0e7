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
  if (role !== undefined) await mustBeFree(deps, role);
  const now = deps.nowMs();
  const access = await enrolment.create(relay, role);
  const { senderId, queues } = access;
  const bound = { ...(senderId !== undefined && { senderId }), ...(role !== undefined && { role }) };
  const registration = { relay, ...bound, commandQueueUrl: queues.commands, enrolledAt: now, zone: 'UTC' };
  if (!(await deps.relays.enrol(registration))) {
    // Of two at once one has ended the key that the other one got, and neither can know whose works.
    throw new HTTPException(409, {
      message: `relay ${relay} was enrolled at the same moment; revoke it and try again`,
    });
  }
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

/**
 * From the first step on nobody is believed to be the relay, also where the credentials cannot be taken away just now; the
 * registration goes last, so that a revocation that broke off can be tried again.
 */
export async function revoke(deps: Deps, enrolment: Enrolment, relay: string, actor: string): Promise<void> {
  const registered = await mustBeEnrolled(deps, relay);
  await deps.relays.unbind(registered);
  await enrolment.remove(relay, registered.role);
  await deps.relays.revoke(relay);
  const audit = { at: deps.nowMs(), actor, what: 'revoked', subject: relay, detail: '' };
  await deps.findings.writeAudit(audit, deps.newId());
}

/** SQS tells the role, not who assumes it: two relays of one role could each speak as the other (I9). */
async function mustBeFree(deps: Deps, role: string): Promise<void> {
  // IAM knows a role by its name in any case.
  const other = (await deps.relays.list()).find((each) => each.role?.toLowerCase() === role.toLowerCase());
  if (other === undefined) return;
  throw new HTTPException(409, { message: `role ${role} is that of relay ${other.relay}; each relay needs its own` });
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
