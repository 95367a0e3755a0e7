import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteRolePolicyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  EntityAlreadyExistsException,
  GetRoleCommand,
  GetUserCommand,
  type IAMClient,
  LimitExceededException,
  ListAccessKeysCommand,
  NoSuchEntityException,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import { HTTPException } from 'hono/http-exception';
import { type AccessKey, rotationUnfinished } from '../functions/api/enrol.ts';
import { relayPath } from './relay-names.ts';
import type { PolicyDocument } from './relay-policy.ts';

/**
 * Relays' identities in IAM. What is bound to a relay is the unique id (AIDA…, AROA…): it is what SQS gives as SenderId,
 * and a user who is made anew under the same name is another one.
 */
export class RelayIdentities {
  readonly #iam: IAMClient;
  readonly #path: string;
  readonly #boundaryArn: string;

  constructor(iam: IAMClient, environment: string, boundaryArn: string) {
    this.#iam = iam;
    this.#path = relayPath(environment);
    this.#boundaryArn = boundaryArn;
  }

  /** The user's unique id. An attempt that broke off is taken up again; keys that it left are of nobody, and go. */
  async createUser(name: string, policy: PolicyDocument): Promise<string> {
    const id = await this.#makeUser(name);
    await this.#iam.send(
      new PutUserPolicyCommand({ UserName: name, PolicyName: name, PolicyDocument: JSON.stringify(policy) }),
    );
    for (const key of await this.#keysOf(name)) await this.#deleteKey(name, key);
    return id;
  }

  async createKey(name: string): Promise<AccessKey> {
    try {
      const { AccessKey: key } = await this.#iam.send(new CreateAccessKeyCommand({ UserName: name }));
      if (key?.AccessKeyId === undefined || key.SecretAccessKey === undefined) throw new Error('IAM gave no key');
      return { accessKeyId: key.AccessKeyId, secretAccessKey: key.SecretAccessKey };
    } catch (error) {
      if (error instanceof LimitExceededException) throw rotationUnfinished(name);
      if (!(error instanceof NoSuchEntityException)) throw error;
      throw new HTTPException(409, { message: `${name} has no user: it assumes a role, which has no keys to rotate` });
    }
  }

  async deleteOldKeys(name: string): Promise<void> {
    for (const key of (await this.#keysOf(name)).slice(0, -1)) await this.#deleteKey(name, key);
  }

  /** Gives a role that exists the relay's rights, beside those that it has; its unique id. */
  async permitRole(role: string, name: string, policy: PolicyDocument): Promise<string> {
    const id = await this.#iam.send(new GetRoleCommand({ RoleName: role })).then(
      ({ Role }) => Role?.RoleId,
      (error: unknown) => {
        if (!(error instanceof NoSuchEntityException)) throw error;
        throw new HTTPException(404, { message: `no IAM role ${role}` });
      },
    );
    if (id === undefined) throw new Error(`IAM gave no id of role ${role}`);
    const PolicyDocument = JSON.stringify(policy);
    await this.#iam.send(new PutRolePolicyCommand({ RoleName: role, PolicyName: name, PolicyDocument }));
    return id;
  }

  async forbidRole(role: string, name: string): Promise<void> {
    await ifThere(this.#iam.send(new DeleteRolePolicyCommand({ RoleName: role, PolicyName: name })));
  }

  /** Keys first: from then on nobody can send in its name. */
  async deleteUser(name: string): Promise<void> {
    for (const key of await this.#keysOf(name)) await this.#deleteKey(name, key);
    await ifThere(this.#iam.send(new DeleteUserPolicyCommand({ UserName: name, PolicyName: name })));
    await ifThere(this.#iam.send(new DeleteUserCommand({ UserName: name })));
  }

  async #makeUser(name: string): Promise<string> {
    const command = new CreateUserCommand({ UserName: name, Path: this.#path, PermissionsBoundary: this.#boundaryArn });
    const { User } = await this.#iam.send(command).catch((error: unknown) => {
      if (!(error instanceof EntityAlreadyExistsException)) throw error;
      return this.#iam.send(new GetUserCommand({ UserName: name }));
    });
    if (User?.UserId === undefined) throw new Error(`IAM gave no id of user ${name}`);
    return User.UserId;
  }

  /** Oldest first. */
  async #keysOf(name: string): Promise<string[]> {
    const listed = await ifThere(this.#iam.send(new ListAccessKeysCommand({ UserName: name })));
    const keys = (listed?.AccessKeyMetadata ?? []).toSorted(
      (a, b) => (a.CreateDate?.getTime() ?? 0) - (b.CreateDate?.getTime() ?? 0),
    );
    return keys.flatMap(({ AccessKeyId }) => AccessKeyId ?? []);
  }

  async #deleteKey(name: string, AccessKeyId: string): Promise<void> {
    await ifThere(this.#iam.send(new DeleteAccessKeyCommand({ UserName: name, AccessKeyId })));
  }
}

/** What is gone already need not be taken away. */
async function ifThere<T>(sending: Promise<T>): Promise<T | undefined> {
  return sending.catch((error: unknown) => {
    if (error instanceof NoSuchEntityException) return undefined;
    throw error;
  });
}
