import { CreateRoleCommand, GetRolePolicyCommand, IAMClient, ListAccessKeysCommand } from '@aws-sdk/client-iam';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { awsEnrolment } from '../aws/enrolment.ts';
import { RelayIdentities } from '../aws/identities.ts';
import { relayPath, relayResourceName } from '../aws/relay-names.ts';
import { settingsFromOutputs } from '../bench/aws/central.ts';
import type { Enrolment } from '../functions/api/enrol.ts';
import { describeOnAws } from '../lab/aws/describe.ts';
import { place } from '../lab/aws/servers.ts';

await describeOnAws('enrolment on the deployed stack', 'stack', ({ endpoint, outputs }) => {
  const settings = settingsFromOutputs('local', outputs, { endpoint, region: place.region, realm: 'example.org' });
  const environment = settings.HOLDFAST_ENVIRONMENT;
  const iam = new IAMClient({ ...place, endpoint });
  const sqs = new SQSClient({ ...place, endpoint });
  const relay = `mx${Date.now()}.example.org`;
  const UserName = relayResourceName(environment, relay);
  let enrolment: Enrolment;
  beforeAll(() => {
    const identities = new RelayIdentities(iam, environment, settings.HOLDFAST_RELAY_BOUNDARY);
    enrolment = awsEnrolment({ settings, sqs, identities, namesSenders: true, hubKeys: async () => ({}) });
  });
  afterAll(() => {
    iam.destroy();
    sqs.destroy();
  });
  const keysOf = async (): Promise<(string | undefined)[]> => {
    const { AccessKeyMetadata = [] } = await iam.send(new ListAccessKeysCommand({ UserName }));
    return AccessKeyMetadata.map(({ AccessKeyId }) => AccessKeyId);
  };

  test('a relay gets a FIFO queue, a user bound by its unique id, and one key; an attempt that broke off is taken up', async () => {
    const first = await enrolment.create(relay);
    const access = await enrolment.create(relay);
    expect(access.senderId).toBe(first.senderId);
    // On AWS AIDA…; LocalStack draws letters.
    expect(access.senderId).toMatch(/^\w+$/);
    expect(await keysOf()).toEqual([access.key?.accessKeyId]);
    const asked = new GetQueueAttributesCommand({ QueueUrl: access.queues.commands, AttributeNames: ['All'] });
    const { Attributes } = await sqs.send(asked);
    expect(JSON.parse(Attributes?.Policy ?? '').Statement).toMatchObject([
      { Effect: 'Deny', Resource: Attributes?.QueueArn, Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
    ]);
    expect(Attributes).toMatchObject({
      FifoQueue: 'true',
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
      SqsManagedSseEnabled: 'true',
    });
  });

  test('a key is rotated beside the old one, and then the old one ends', async () => {
    const [old] = await keysOf();
    const renewed = await enrolment.rotate(relay);
    expect((await keysOf()).sort()).toEqual([old, renewed.accessKeyId].sort());
    await enrolment.retireOldKeys(relay);
    expect(await keysOf()).toEqual([renewed.accessKeyId]);
  });

  test('revoked: the user and its keys are gone, and once more is no error', async () => {
    await enrolment.remove(relay);
    await expect(keysOf()).rejects.toThrow(/cannot be found/);
    await enrolment.remove(relay);
  });

  test('a role that the relay assumes gets its rights instead, and loses them', async () => {
    const RoleName = `anywhere-${Date.now()}`;
    const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [] });
    const made = await iam.send(
      new CreateRoleCommand({ RoleName, Path: relayPath(environment), AssumeRolePolicyDocument }),
    );
    const access = await enrolment.create(relay, RoleName);
    expect(access.key).toBeUndefined();
    expect(access.senderId).toBe(made.Role?.RoleId);
    const policy = new GetRolePolicyCommand({ RoleName, PolicyName: UserName });
    expect(decodeURIComponent((await iam.send(policy)).PolicyDocument ?? '')).toContain('sqs:SendMessage');
    await enrolment.remove(relay, RoleName);
    await expect(iam.send(policy)).rejects.toThrow();
    await expect(enrolment.create(relay, 'no-such-role')).rejects.toThrow('no IAM role no-such-role');
  });
});
