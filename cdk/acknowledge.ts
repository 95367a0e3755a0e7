import { Stack, Validations } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/** A finding of cdk-nag that stays, and why. */
export function acknowledge(construct: Construct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/** The same for each resource of these statements that ends in an asterisk; another one is still a finding. */
export function acknowledgeWildcards(
  construct: Construct,
  statements: readonly PolicyStatement[],
  reason: string,
): void {
  const resources = statements.flatMap((statement) => statement.resources).map((arn) => asPrinted(construct, arn));
  for (const arn of new Set(resources)) {
    if (arn.includes('*')) acknowledge(construct, `AwsSolutions::AwsSolutions-IAM5[Resource::${arn}]`, reason);
  }
}

/** An ARN as cdk-nag names it: `arn:<AWS::Partition>:sqs:…`. */
function asPrinted(construct: Construct, arn: string): string {
  const resolved: unknown = Stack.of(construct).resolve(arn);
  if (typeof resolved === 'string') return resolved;
  const pieces: unknown[] = isJoin(resolved) ? resolved['Fn::Join'][1] : [resolved];
  return pieces.map((piece) => (typeof piece === 'string' ? piece : `<${refOf(piece)}>`)).join('');
}

function isJoin(value: unknown): value is { 'Fn::Join': [string, unknown[]] } {
  return typeof value === 'object' && value !== null && 'Fn::Join' in value;
}

function refOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'Ref' in value ? String(value.Ref) : '';
}
