import { Stack } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { eventSourceOf } from '../../aws/announce.ts';
import { relayNamePrefix, relayPath } from '../../aws/relay-names.ts';
import { fixedPartition } from '../../shared/store/fixed.ts';
import { keys } from '../../shared/store/keys.ts';
import { relayQueues } from '../stateful/relay-boundary.ts';
import type { StatefulStack } from '../stateful.ts';
import { allow, deny } from './allow.ts';

/** The one bus that is there in every account. */
export const eventBus = 'default';

/**
 * What each function may do, and nothing more (I9). A transaction needs the rights of its items' actions. Where only some
 * partitions of the table are meant, DynamoDB checks the partition keys of the request (`dynamodb:LeadingKeys`).
 */
export function rightsOf(
  environment: string,
  stateful: StatefulStack,
): Readonly<Record<'ingest' | 'record' | 'dispatch' | 'schedule' | 'api' | 'enrol', readonly PolicyStatement[]>> {
  const { events, reports, dispatch, dead, relayBoundary } = stateful;
  const table = [stateful.table.tableArn];
  const key = [stateful.signingKey.keyArn];
  const commandQueues = [relayQueues(stateful, environment)];

  const lookUp = allow('LookUp', ['dynamodb:GetItem', 'dynamodb:Query'], table);
  const write = [
    allow('Write', ['dynamodb:PutItem'], table),
    // Who may speak for a relay is decided at enrolment alone.
    deny('NoRegistration', ['dynamodb:PutItem', 'dynamodb:DeleteItem'], table, anyOf([keys.relays])),
  ];
  const remove = (partitions: string[]): PolicyStatement =>
    allow('Remove', ['dynamodb:DeleteItem'], table, onlyIn(partitions));
  const nudge = allow('Nudge', ['sqs:SendMessage'], [dispatch.queue.queueArn]);
  const setAside = allow('SetAside', ['sqs:SendMessage'], [dead.queueArn]);

  return {
    ingest: [consume(events.queue), lookUp, ...write, nudge, setAside],
    record: [consume(reports.queue), lookUp, ...write, nudge, setAside],
    dispatch: [
      consume(dispatch.queue),
      lookUp,
      ...write,
      remove(['outbox#*']),
      allow('Sign', ['kms:Sign', 'kms:GetPublicKey'], key),
      allow('Order', ['sqs:SendMessage'], commandQueues),
      allow('Announce', ['events:PutEvents'], [busArn(stateful)], {
        // One call may hold several events.
        'ForAllValues:StringEquals': { 'events:source': [eventSourceOf(environment)] },
      }),
    ],
    schedule: [lookUp, ...write, remove([keys.containments]), nudge],
    api: [lookUp, ...write, remove([keys.containments]), nudge],
    enrol: [
      allow('LookUp', ['dynamodb:GetItem', 'dynamodb:Query'], table, onlyIn([keys.relays, fixedPartition])),
      allow('Register', ['dynamodb:PutItem'], table, onlyIn([keys.relays, keys.audit('*'), fixedPartition])),
      remove([keys.relays]),
      allow('TellPublicKey', ['kms:GetPublicKey'], key),
      allow('MakeCommandQueues', ['sqs:CreateQueue', 'sqs:TagQueue'], commandQueues),
      ...makeIdentities(environment, stateful, relayBoundary.managedPolicyArn),
    ],
  };
}

/** What Lambda's poller does in the function's name. */
function consume(queue: IQueue): PolicyStatement {
  return allow(
    'Consume',
    ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'],
    [queue.queueArn],
  );
}

/**
 * Users and roles of relays: only below this environment's path, and rights only to those under the relays' boundary,
 * so that whoever holds this function can make nothing that may do more than a relay.
 */
function makeIdentities(environment: string, scope: Stack, boundary: string): PolicyStatement[] {
  const iam = (resource: string): string =>
    Stack.of(scope).formatArn({ service: 'iam', region: '', resource: `${resource}${relayPath(environment)}` });
  const users = [`${iam('user')}${relayNamePrefix(environment)}*`];
  const roles = [`${iam('role')}*`];
  const bounded = { StringEquals: { 'iam:PermissionsBoundary': boundary } };
  const looks = ['iam:GetUser', 'iam:ListAccessKeys'];
  const keysAndEnd = ['iam:CreateAccessKey', 'iam:DeleteAccessKey', 'iam:DeleteUserPolicy', 'iam:DeleteUser'];
  return [
    allow('MakeBoundedUsers', ['iam:CreateUser', 'iam:PutUserPolicy'], users, bounded),
    allow('KeepUsers', [...looks, ...keysAndEnd], users),
    allow('PermitBoundedRoles', ['iam:PutRolePolicy', 'iam:DeleteRolePolicy'], roles, bounded),
    allow('LookAtRoles', ['iam:GetRole'], roles),
  ];
}

function onlyIn(partitions: readonly string[]) {
  return { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': partitions } };
}

function anyOf(partitions: readonly string[]) {
  return { 'ForAnyValue:StringEquals': { 'dynamodb:LeadingKeys': partitions } };
}

function busArn(scope: Stack): string {
  return Stack.of(scope).formatArn({ service: 'events', resource: 'event-bus', resourceName: eventBus });
}
