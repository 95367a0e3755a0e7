import { Match, Template } from 'aws-cdk-lib/assertions';
import { expect, test } from 'vitest';
import { newApp } from './stacks.fixture.ts';
import { StatefulStack } from './stateful.ts';

const stack = new StatefulStack(newApp(), 'stack', 'test', {});
const template = Template.fromStack(stack);

const tables = template.findResources('AWS::DynamoDB::GlobalTable');
const queues = Object.entries(template.findResources('AWS::SQS::Queue')).map(([logicalId, { Properties }]) => ({
  logicalId,
  name: String(Properties.QueueName),
  visibilitySeconds: Number(Properties.VisibilityTimeout),
  retentionSeconds: Number(Properties.MessageRetentionPeriod),
  deadLettersTo: Properties.RedrivePolicy?.deadLetterTargetArn['Fn::GetAtt'][0] as string | undefined,
  maxReceiveCount: Number(Properties.RedrivePolicy?.maxReceiveCount),
  encrypted: Properties.SqsManagedSseEnabled === true,
}));
const consumed = queues.filter(({ deadLettersTo }) => deadLettersTo !== undefined);

test('each queue that a function consumes has a dead-letter queue of its own, which keeps longer', () => {
  const pairs = consumed.map(({ name, deadLettersTo, retentionSeconds }) => {
    const dead = queues.find(({ logicalId }) => logicalId === deadLettersTo);
    // A message keeps the age it had: in the dead-letter queue it must have days left.
    expect((dead?.retentionSeconds ?? 0) - retentionSeconds).toBeGreaterThanOrEqual(5 * 86_400);
    return [name, dead?.name];
  });
  expect(pairs).toEqual([
    ['holdfast-test-events', 'holdfast-test-events-dead'],
    ['holdfast-test-reports', 'holdfast-test-reports-dead'],
    ['holdfast-test-dispatch', 'holdfast-test-dispatch-dead'],
  ]);
  expect(queues.map(({ name }) => name)).toContain('holdfast-test-dead');
  expect(queues).toHaveLength(7);
});

test('a failed message comes again within thirty seconds', () => {
  for (const { visibilitySeconds } of queues) expect(visibilitySeconds).toBeLessThanOrEqual(30);
});

test('five minutes without the store send nothing to a dead-letter queue', () => {
  for (const { visibilitySeconds, maxReceiveCount } of consumed) {
    const failing = Math.floor(300 / visibilitySeconds) + 1;
    // And the one after them, which succeeds.
    expect(maxReceiveCount).toBeGreaterThanOrEqual(failing + 1);
  }
});

test('every queue is encrypted and refuses plain HTTP', () => {
  for (const { logicalId, encrypted } of queues) {
    expect(encrypted, logicalId).toBe(true);
    template.hasResourceProperties('AWS::SQS::QueuePolicy', {
      Queues: [{ Ref: logicalId }],
      PolicyDocument: {
        Statement: Match.arrayWith([
          {
            Effect: 'Deny',
            Principal: { AWS: '*' },
            Action: 'sqs:*',
            Resource: { 'Fn::GetAtt': [logicalId, 'Arn'] },
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          },
        ]),
      },
    });
  }
});

test('the table has the keys of the item-table port, drops expired items, is paid by request and encrypted', () => {
  template.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
    AttributeDefinitions: [
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'S' },
    ],
    TimeToLiveSpecification: { AttributeName: 'expiresAtSeconds', Enabled: true },
    BillingMode: 'PAY_PER_REQUEST',
    SSESpecification: { SSEEnabled: true },
    // Changes go out by the outbox.
    StreamSpecification: Match.absent(),
  });
});

test('nothing is deleted by accident: not with the stack, not by a replacement, not by hand', () => {
  const retained = { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' };
  template.allResources('AWS::DynamoDB::GlobalTable', retained);
  template.allResources('AWS::SQS::Queue', retained);
  expect(stack.terminationProtection).toBe(true);
  template.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
    Replicas: [
      // Recovery is for what a program destroyed.
      { DeletionProtectionEnabled: true, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } },
    ],
  });
});

test('the logical ids stay: a deployed stack cannot take new ones, for the fixed names are in use', () => {
  expect([...Object.keys(tables), ...queues.map(({ logicalId }) => logicalId)].sort()).toEqual([
    'DeadB2807C34',
    'DispatchDB0A2E2F',
    'DispatchDead9E389C16',
    'EventsD32975C2',
    'EventsDead3997C7C0',
    'Items5C12978B',
    'Reports65402A0A',
    'ReportsDead5710FCBF',
  ]);
});

test('each name carries its environment, so two of them fit one account', () => {
  const names = [
    ...queues.map(({ name }) => name),
    ...Object.values(tables).map((table) => table['Properties'].TableName),
  ];
  for (const name of names) expect(name).toMatch(/^holdfast-test-/);
});

test('the outputs give whatever the functions, their tests and people are told', () => {
  const outputs = Object.keys(template.findOutputs('*'));
  expect(outputs.sort()).toEqual([
    'DeadQueueUrl',
    'DispatchDeadQueueUrl',
    'DispatchQueueUrl',
    'EventsDeadQueueUrl',
    'EventsQueueUrl',
    'FindingsTopicArn',
    'ItemsTableName',
    'OperationsTopicArn',
    'RelayBoundaryArn',
    'ReportsDeadQueueUrl',
    'ReportsQueueUrl',
    'SigningKeyArn',
  ]);
});

test('the key that signs orders is P-256, signs only, and stays', () => {
  template.hasResource('AWS::KMS::Key', {
    Properties: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', PendingWindowInDays: 30 },
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
  });
  template.hasResourceProperties('AWS::KMS::Alias', { AliasName: 'alias/holdfast-test' });
});

test('findings go from the event bus to an encrypted topic, where nobody but that rule may publish', () => {
  template.hasResourceProperties('AWS::Events::Rule', {
    EventPattern: { source: ['holdfast.test'], 'detail-type': ['Holdfast finding'] },
    Targets: [Match.objectLike({ Arn: { Ref: 'NoticesFindings9526E982' } })],
  });
  template.allResourcesProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.anyValue() });
  const publishers = allowed('AWS::SNS::TopicPolicy').map(({ Principal, Action, Condition }) => [
    Principal,
    Action,
    Object.keys(Condition).sort(),
  ]);
  expect(publishers).toEqual([
    [{ Service: 'events.amazonaws.com' }, 'sns:Publish', ['ArnLike', 'StringEquals']],
    [{ Service: 'cloudwatch.amazonaws.com' }, 'sns:Publish', ['ArnLike', 'StringEquals']],
  ]);
});

test('notices go by mail where an address is given, and nowhere else', () => {
  template.resourceCountIs('AWS::SNS::Subscription', 0);
  const told = new StatefulStack(newApp(), 'told', 'test', { notify: 'security@example.org' });
  Template.fromStack(told).resourcePropertiesCountIs(
    'AWS::SNS::Subscription',
    { Protocol: 'email', Endpoint: 'security@example.org' },
    2,
  );
});

function allowed(type: string) {
  return Object.values(template.findResources(type))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
    .filter(({ Effect }) => Effect === 'Allow');
}
