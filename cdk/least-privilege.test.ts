import { expect, test } from 'vitest';
import { relayPolicy } from '../aws/relay-policy.ts';
import { isAllowed, type Policy, place } from './policies.fixture.ts';
import { deployed, mayDo, queueArn, type Somebody } from './world.fixture.ts';

/** Answers are IAM's, simulated over the policies that synthesis made; whatever is not listed is refused. */

const managed = deployed.policies('AWS::IAM::ManagedPolicy');
const boundary = documentOf(managed, 'RelayBoundary');

const look = (...names: string[]) => names.flatMap((name) => [`GetQueueUrl ${name}`, `GetQueueAttributes ${name}`]);

function relay(name: string): Somebody {
  const policy = relayPolicy({
    events: queueArn('events'),
    reports: queueArn('reports'),
    commands: queueArn(`relay-${name}.fifo`),
  });
  return { principal: userArn(name), policy, boundary };
}

function userArn(name: string): string {
  return `arn:aws:iam::${place.account}:user/holdfast/test/holdfast-test-relay-${name}`;
}

test.each([
  ['mx1', 'mx2'],
  ['mx2', 'mx1'],
])(
  'I9: relay %s sends events and reports, takes its own commands, and does nothing else: not to %s either',
  async (name) => {
    const own = `relay-${name}.fifo`;
    const may = await mayDo(relay(name));
    expect(may.toSorted()).toEqual(
      [
        'SendMessage events',
        'SendMessage reports',
        ...look('events', 'reports'),
        `ReceiveMessage ${own}`,
        `DeleteMessage ${own}`,
        `ChangeMessageVisibility ${own}`,
        ...look(own),
      ].toSorted(),
    );
  },
);

test('I9: whatever policy a relay is given, its boundary ends it at what relays do', async () => {
  const policy: Policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
  const may = await mayDo({
    principal: userArn('mx1'),
    policy,
    boundary,
  });
  const commands = ['relay-mx1.fifo', 'relay-mx2.fifo'].flatMap((name) => [
    `ReceiveMessage ${name}`,
    `DeleteMessage ${name}`,
    `ChangeMessageVisibility ${name}`,
    ...look(name),
  ]);
  expect(may.toSorted()).toEqual(
    ['SendMessage events', 'SendMessage reports', ...look('events', 'reports'), ...commands].toSorted(),
  );
});

const partitions = [
  'relay',
  'relay#mx1',
  'part#mx1#1',
  'finding#1',
  'account#1',
  'containment',
  'outbox#1',
  'audit#1',
  'hub',
];
const reads = partitions.flatMap((each) => [`GetItem ${each}`, `Query ${each}`]);
/** Who may speak for a relay is not among them. */
const writes = partitions.filter((each) => each !== 'relay').map((each) => `PutItem ${each}`);
const takes = (queue: string) =>
  ['ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility', 'GetQueueAttributes'].map((act) => `${act} ${queue}`);

test.each<[string, string[]]>([
  ['ingest', [...takes('events'), ...reads, ...writes, 'SendMessage dispatch', 'SendMessage dead']],
  ['record', [...takes('reports'), ...reads, ...writes, 'SendMessage dispatch', 'SendMessage dead']],
  [
    'dispatch',
    [
      ...takes('dispatch'),
      ...reads,
      ...writes,
      'DeleteItem outbox#1',
      'Sign',
      'GetPublicKey',
      'SendMessage relay-mx1.fifo',
      'SendMessage relay-mx2.fifo',
      'PutEvents as holdfast.test',
    ],
  ],
  ['schedule', [...reads, ...writes, 'DeleteItem containment', 'SendMessage dispatch']],
  ['api', [...reads, ...writes, 'DeleteItem containment', 'SendMessage dispatch']],
  [
    'enrol',
    [
      ...['relay', 'hub'].flatMap((each) => [`GetItem ${each}`, `Query ${each}`]),
      'PutItem relay',
      'PutItem audit#1',
      'PutItem hub',
      'DeleteItem relay',
      'GetPublicKey',
      'CreateQueue relay-mx1.fifo',
      'CreateQueue relay-mx2.fifo',
      'CreateUser relay user, bounded',
      'PutUserPolicy relay user, bounded',
      ...['GetUser', 'ListAccessKeys', 'CreateAccessKey', 'DeleteAccessKey', 'DeleteUserPolicy', 'DeleteUser'].map(
        (act) => `${act} relay user`,
      ),
      'PutRolePolicy relay role, bounded',
      'DeleteRolePolicy relay role, bounded',
      'GetRole relay role',
    ],
  ],
])('I9: %s may do what its work is, and nothing else', async (name, expected) => {
  expect((await mayDo(functionNamed(name))).toSorted()).toEqual(expected.toSorted());
});

test('I9: a queue answers nobody over plain HTTP', async () => {
  const policies = [...deployed.policies('AWS::SQS::QueuePolicy').values()];
  const policy = policies.find(({ document }) =>
    JSON.stringify(document).includes(`"${queueArn('events')}"`),
  )?.document;
  const send = { ...relay('mx1'), action: 'sqs:SendMessage', resource: queueArn('events'), resourcePolicy: policy };
  expect(await isAllowed(send)).toBe(true);
  expect(await isAllowed({ ...send, context: { 'aws:SecureTransport': 'false' } })).toBe(false);
});

test('the security team calls every route, a viewer looks, and neither calls another API', async () => {
  const may = async (who: string): Promise<string[]> => {
    const policy = documentOf(managed, who);
    const api = /:([^:/]+)\/\$default/.exec(JSON.stringify(policy))?.[1] ?? '';
    const calls = [
      `${api}/$default/GET/v1/findings`,
      `${api}/$default/POST/v1/findings/1/undo`,
      'other/$default/GET/v1/x',
    ];
    const answers = calls.map(async (call) => {
      const resource = `arn:aws:execute-api:${place.region}:${place.account}:${call}`;
      const principal = `arn:aws:iam::${place.account}:user/alice`;
      const allowed = await isAllowed({ principal, policy, action: 'execute-api:Invoke', resource });
      return allowed ? call.replace(api, 'ours') : [];
    });
    return (await Promise.all(answers)).flat();
  };
  const [look, act] = ['ours/$default/GET/v1/findings', 'ours/$default/POST/v1/findings/1/undo'];
  expect(await may('HttpApiSecurityTeam')).toEqual([look, act]);
  expect(await may('HttpApiViewer')).toEqual([look]);
});

function functionNamed(name: string): Somebody {
  const begin = `${name.charAt(0).toUpperCase()}${name.slice(1)}Role`;
  return {
    principal: `arn:aws:iam::${place.account}:role/${begin}`,
    policy: documentOf(deployed.policies('AWS::IAM::Policy'), begin),
  };
}

function documentOf(policies: ReturnType<typeof deployed.policies>, begin: string): Policy {
  const [found, ...more] = [...policies].filter(([logicalId]) => logicalId.startsWith(begin));
  if (found === undefined || more.length > 0) throw new Error(`${more.length} policies too many, or none: ${begin}`);
  return found[1].document;
}
