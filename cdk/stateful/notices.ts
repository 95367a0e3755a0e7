import { CfnOutput, Stack } from 'aws-cdk-lib';
import { type IRule, Rule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { eventSourceOf, findingDetailType } from '../../aws/announce.ts';

export interface NoticesProps {
  /** Whose findings these are: other environments' come over the same bus. */
  readonly environment: string;
  /** Begins each name. */
  readonly prefix: string;
  /** Who gets both kinds of notice by mail; he has to confirm it once per topic. */
  readonly notify?: string;
}

/**
 * Two topics for people: `findings` tells of stolen accounts, `operations` of alarms. Findings reach theirs over the
 * account's event bus, where other programs can listen too.
 */
export class Notices extends Construct {
  readonly operations: Topic;
  readonly findingsRule: IRule;

  constructor(scope: Construct, id: string, { environment, prefix, notify }: NoticesProps) {
    super(scope, id);
    const { account, region, partition } = Stack.of(this);

    // A key of our own: the one that AWS keeps for SNS lets neither EventBridge nor CloudWatch use it.
    const key = new Key(this, 'Key', { alias: `${prefix}-notices`, enableKeyRotation: true, description: 'Notices' });
    const topic = (name: string): Topic => {
      const topicName = `${prefix}-${name.toLowerCase()}`;
      const made = new Topic(this, name, {
        topicName,
        // Whom mails are from.
        displayName: topicName,
        masterKey: key,
        enforceSSL: true,
      });
      if (notify !== undefined) made.addSubscription(new EmailSubscription(notify));
      new CfnOutput(Stack.of(this), `${name}TopicArn`, { value: made.topicArn });
      return made;
    };

    const findings = topic('Findings');
    this.findingsRule = new Rule(this, 'FindingsRule', {
      ruleName: `${prefix}-findings`,
      description: 'What happens to findings goes to the topic of that name',
      eventPattern: { source: [eventSourceOf(environment)], detailType: [findingDetailType] },
      // The target by its ARN: the topic's policy is written here, narrower than the library would.
      targets: [{ bind: () => ({ arn: findings.topicArn }) }],
    });
    publishers(findings, 'events.amazonaws.com', this.findingsRule.ruleArn);

    this.operations = topic('Operations');
    const alarms = `arn:${partition}:cloudwatch:${region}:${account}:alarm:${prefix}-*`;
    publishers(this.operations, 'cloudwatch.amazonaws.com', alarms);

    key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'PublishersEncrypt',
        principals: ['events.amazonaws.com', 'cloudwatch.amazonaws.com'].map((name) => new ServicePrincipal(name)),
        actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
        // A key's policy speaks of that key only. No condition: not each of the two services tells KMS for whom it
        // asks, and who may publish is up to the topics' policies.
        resources: ['*'],
      }),
    );
  }
}

/** One service may publish, and only for what `source` names. */
function publishers(topic: Topic, service: string, source: string): void {
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: 'Publish',
      principals: [new ServicePrincipal(service)],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: {
        ArnLike: { 'aws:SourceArn': source },
        StringEquals: { 'aws:SourceAccount': Stack.of(topic).account },
      },
    }),
  );
}
