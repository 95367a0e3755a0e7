import { HTTPException } from 'hono/http-exception';
import type { Deps } from '../deps.ts';

/** Where relays get their queue and credentials: the hub's own file, or IAM. */
export interface Enrolment {
  /** Makes the relay's command queue and credentials. */
  create(relay: string): Promise<Access>;
  /** Takes the credentials back; messages already sent stay. */
  remove(relay: string): Promise<void>;
  /** Keys that exec accepts, kid → PEM. */
  readonly hubKeys: Readonly<Record<string, string>>;
}

export interface Access {
  /** Absent on AWS itself. */
  readonly endpoint?: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly queues: { readonly events: string; readonly reports: string; readonly commands: string };
  readonly senderId: string;
}

/** What the relay's two config files need. The secret is shown once and kept by nobody but the relay. */
export interface Enrolled {
  readonly relay: string;
  readonly access: Access;
  readonly hubKeys: Readonly<Record<string, string>>;
}

export async function enrol(deps: Deps, enrolment: Enrolment, relay: string, actor: string): Promise<Enrolled> {
  if ((await deps.relays.get(relay)) !== undefined) {
    throw new HTTPException(409, { message: `relay ${relay} is enrolled already; revoke it first` });
  }
  const now = deps.nowMs();
  const access = await enrolment.create(relay);
  const { senderId, queues } = access;
  await deps.relays.enrol({ relay, senderId, commandQueueUrl: queues.commands, enrolledAt: now, zone: 'UTC' });
  await deps.findings.writeAudit({ at: now, actor, what: 'enrolled', subject: relay, detail: senderId }, deps.newId());
  return { relay, access, hubKeys: enrolment.hubKeys };
}

export async function revoke(deps: Deps, enrolment: Enrolment, relay: string, actor: string): Promise<void> {
  if ((await deps.relays.get(relay)) === undefined) throw new HTTPException(404, { message: `no relay ${relay}` });
  await deps.relays.revoke(relay);
  await enrolment.remove(relay);
  const audit = { at: deps.nowMs(), actor, what: 'revoked', subject: relay, detail: '' };
  await deps.findings.writeAudit(audit, deps.newId());
}
