import { Stack } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { relayNamePrefix } from '../../aws/relay-names.ts';
import { relayPolicy } from '../../aws/relay-policy.ts';
import { acknowledgeWildcards } from '../acknowledge.ts';

interface Queues {
  readonly events: IQueue;
  readonly reports: IQueue;
}

/**
 * The most that any relay may do, whatever a policy of its own says: the union of all relays' policies. Enrolment can
 * make identities only with this boundary, so it cannot make one that may do more (I9).
 */
export function relayBoundary(scope: Construct, environment: string, { events, reports }: Queues): ManagedPolicy {
  const { Statement } = relayPolicy({
    events: events.queueArn,
    reports: reports.queueArn,
    commands: relayQueues(scope, environment),
  });
  const statements = Statement.map((statement) => PolicyStatement.fromJson(statement));
  const boundary = new ManagedPolicy(scope, 'RelayBoundary', {
    managedPolicyName: `holdfast-${environment}-relay-boundary`,
    description: 'Permissions boundary of Holdfast relays',
    statements,
  });
  const reason = 'Command queues come with enrolment; which one is a relay’s own, its own policy says.';
  acknowledgeWildcards(boundary, statements, reason);
  return boundary;
}

/** ARN of all command queues of an environment; they come with each relay's enrolment. */
export function relayQueues(scope: Construct, environment: string): string {
  return Stack.of(scope).formatArn({ service: 'sqs', resource: `${relayNamePrefix(environment)}*` });
}
