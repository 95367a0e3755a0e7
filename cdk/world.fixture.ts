import { Deployed, isAllowed, type Policy, place } from './policies.fixture.ts';
import { madeStacks } from './stacks.fixture.ts';

const { stateful, functions } = madeStacks({ place });
export const deployed = new Deployed([stateful, functions]);

const here = `${place.region}:${place.account}`;
const iam = (resource: string): string => `arn:aws:iam::${place.account}:${resource}`;
const queue = (name: string): string => `arn:aws:sqs:${here}:holdfast-test-${name}`;

const keys = [...deployed.policies('AWS::KMS::Key')];
const signingKey = keys.find(([logicalId]) => logicalId.startsWith('SigningKey')) ?? ['', { document: undefined }];
const table = `arn:aws:dynamodb:${here}:table/holdfast-test-items`;
const boundaryArn = iam('policy/holdfast-test-relay-boundary');

/** One thing that somebody might do: name in the tables of the tests, and the question to IAM. */
interface Act {
  readonly name: string;
  readonly action: string;
  readonly resource: string;
  readonly resourcePolicy?: Policy | undefined;
  readonly context?: Readonly<Record<string, string | string[]>>;
}

const queueActs: readonly Act[] = [
  'events',
  'reports',
  'dispatch',
  'dead',
  'events-dead',
  'reports-dead',
  'dispatch-dead',
  'relay-mx1.fifo',
  'relay-mx2.fifo',
].flatMap((name) =>
  [
    'SendMessage',
    'ReceiveMessage',
    'DeleteMessage',
    'ChangeMessageVisibility',
    'GetQueueUrl',
    'GetQueueAttributes',
    'PurgeQueue',
    'SetQueueAttributes',
    'AddPermission',
    'CreateQueue',
    'DeleteQueue',
    'StartMessageMoveTask',
  ].map((action) => ({ name: `${action} ${name}`, action: `sqs:${action}`, resource: queue(name) })),
);

const tableActs: readonly Act[] = [
  ...[
    'relay',
    'relay#mx1',
    'part#mx1#1',
    'finding#1',
    'account#1',
    'containment',
    'outbox#1',
    'audit#1',
    'hub',
  ].flatMap((partition) =>
    ['GetItem', 'Query', 'PutItem', 'DeleteItem', 'UpdateItem'].map((action) => ({
      name: `${action} ${partition}`,
      action: `dynamodb:${action}`,
      resource: table,
      context: { 'dynamodb:LeadingKeys': [partition] },
    })),
  ),
  ...['Scan', 'DeleteTable', 'UpdateTable', 'ExportTableToPointInTime'].map((action) => ({
    name: action,
    action: `dynamodb:${action}`,
    resource: table,
  })),
];

const keyActs: readonly Act[] = ['Sign', 'GetPublicKey', 'ScheduleKeyDeletion', 'PutKeyPolicy', 'CreateGrant'].map(
  (action) => ({
    name: action,
    action: `kms:${action}`,
    resource: `arn:aws:kms:${here}:key/${signingKey[0]}`,
    resourcePolicy: signingKey[1].document,
  }),
);

const bounded = { 'iam:PermissionsBoundary': boundaryArn };
const unbounded = { 'iam:PermissionsBoundary': iam('policy/other') };

const identityActs: readonly Act[] = [
  ['relay user', 'user/holdfast/test/holdfast-test-relay-mx1'],
  ['other environment’s relay user', 'user/holdfast/production/holdfast-production-relay-mx1'],
  ['other user', 'user/alice'],
].flatMap(([whose, resource = '']) => [
  ...['CreateUser', 'PutUserPolicy'].flatMap((action) => [
    { name: `${action} ${whose}, bounded`, action: `iam:${action}`, resource: iam(resource), context: bounded },
    { name: `${action} ${whose}, unbounded`, action: `iam:${action}`, resource: iam(resource), context: unbounded },
  ]),
  ...[
    'GetUser',
    'ListAccessKeys',
    'CreateAccessKey',
    'DeleteAccessKey',
    'DeleteUserPolicy',
    'DeleteUser',
    'AttachUserPolicy',
    'DeleteUserPermissionsBoundary',
    'PutUserPermissionsBoundary',
    'CreateLoginProfile',
  ].map((action) => ({ name: `${action} ${whose}`, action: `iam:${action}`, resource: iam(resource) })),
]);

const roleActs: readonly Act[] = [
  ['relay role', 'role/holdfast/test/mx3'],
  ['other role', 'role/admin'],
].flatMap(([whose, resource = '']) => [
  ...['PutRolePolicy', 'DeleteRolePolicy'].flatMap((action) => [
    { name: `${action} ${whose}, bounded`, action: `iam:${action}`, resource: iam(resource), context: bounded },
    { name: `${action} ${whose}, unbounded`, action: `iam:${action}`, resource: iam(resource), context: unbounded },
  ]),
  ...['GetRole', 'CreateRole', 'AttachRolePolicy', 'UpdateAssumeRolePolicy', 'PassRole'].map((action) => ({
    name: `${action} ${whose}`,
    action: `iam:${action}`,
    resource: iam(resource),
  })),
  { name: `AssumeRole ${whose}`, action: 'sts:AssumeRole', resource: iam(resource) },
]);

const otherActs: readonly Act[] = [
  { name: 'PutEvents as holdfast.test', source: 'holdfast.test' },
  { name: 'PutEvents as another environment', source: 'holdfast.test2' },
  { name: 'PutEvents as aws.health', source: 'aws.health' },
].map(({ name, source }) => ({
  name,
  action: 'events:PutEvents',
  resource: `arn:aws:events:${here}:event-bus/default`,
  context: { 'events:source': [source] },
}));

const acts: readonly Act[] = [
  ...queueActs,
  ...tableActs,
  ...keyActs,
  ...identityActs,
  ...roleActs,
  ...otherActs,
  { name: 'Publish findings', action: 'sns:Publish', resource: `arn:aws:sns:${here}:holdfast-test-findings` },
  {
    name: 'UpdateFunctionCode',
    action: 'lambda:UpdateFunctionCode',
    resource: `arn:aws:lambda:${here}:function:holdfast-test-dispatch`,
  },
];

export interface Somebody {
  readonly principal: string;
  readonly policy: Policy;
  readonly boundary?: Policy;
}

/** The names of all acts that he may do, of some 300. */
export async function mayDo(somebody: Somebody): Promise<string[]> {
  const answers = await Promise.all(
    acts.map(async (act) => ((await isAllowed({ ...somebody, ...act })) ? act.name : [])),
  );
  return answers.flat();
}

/** ARN of a queue of the environment `test`. */
export const queueArn = queue;
