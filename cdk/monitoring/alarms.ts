import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  type TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IRule } from 'aws-cdk-lib/aws-events';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Metric as Count } from '../../functions/deps.ts';

/** The namespace that aws/lambda/run.ts gives all counts. */
const namespace = 'Holdfast';
/** Resolution of everything here; SQS and Lambda have nothing finer. */
export const period = Duration.minutes(1);
const fiveMinutes = Duration.minutes(5);

export interface Threshold {
  /** What has happened, and what to do first. Mails of the topic end with it. */
  readonly description: string;
  /** From this value on. */
  readonly atLeast: number;
  /** In so many periods of the last `of`. */
  readonly periods: number;
  readonly of?: number;
  readonly missing: TreatMissingData;
}

/** Alarms of one environment: they name it, and tell the topic when they begin and when they end. */
export class Alarms extends Construct {
  readonly #prefix: string;
  readonly #topic: ITopic;
  readonly all: Alarm[] = [];

  constructor(scope: Construct, id: string, { prefix, topic }: { readonly prefix: string; readonly topic: ITopic }) {
    super(scope, id);
    this.#prefix = prefix;
    this.#topic = topic;
  }

  /** @param name as in `holdfast-ENV-NAME` */
  on(metric: IMetric, name: string, { description, atLeast, periods, of = periods, missing }: Threshold): void {
    const alarm = new Alarm(this, name, {
      alarmName: `${this.#prefix}-${name}`,
      alarmDescription: description,
      metric,
      threshold: atLeast,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      datapointsToAlarm: periods,
      evaluationPeriods: of,
      treatMissingData: missing,
    });
    const action = new SnsAction(this.#topic);
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
    this.all.push(alarm);
  }
}

export function oldestMessageSeconds(queue: IQueue): Metric {
  return queue.metricApproximateAgeOfOldestMessage({ period, statistic: 'Maximum', label: queue.node.id });
}

export function waitingMessages(queue: IQueue): Metric {
  return queue.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum', label: queue.node.id });
}

/** One of the functions' own counts (functions/deps.ts), summed over those that count it. */
export function counted(count: Count, functions: readonly IFunction[], over = fiveMinutes): IMetric {
  const each = functions.map(
    ({ functionName: service }) =>
      new Metric({
        namespace,
        metricName: count,
        dimensionsMap: { service },
        statistic: 'Sum',
        period: over,
      }),
  );
  return sum(count, each, over);
}

export function failures(functions: readonly IFunction[], kind: 'Errors' | 'Throttles'): IMetric {
  const each = functions.map((lambda) =>
    kind === 'Errors' ? lambda.metricErrors({ period: fiveMinutes }) : lambda.metricThrottles({ period: fiveMinutes }),
  );
  return sum(kind.toLowerCase(), each, fiveMinutes);
}

/** Requests that the table did not take at once; the SDK repeats them, then the queue does. */
export function tableThrottles(tableName: string): IMetric {
  const each = ['ReadThrottleEvents', 'WriteThrottleEvents'].map(
    (metricName) =>
      new Metric({
        namespace: 'AWS/DynamoDB',
        metricName,
        dimensionsMap: { TableName: tableName },
        statistic: 'Sum',
        period: fiveMinutes,
      }),
  );
  return sum('tableThrottles', each, fiveMinutes);
}

export function undelivered(rule: IRule): Metric {
  return new Metric({
    namespace: 'AWS/Events',
    metricName: 'FailedInvocations',
    dimensionsMap: { RuleName: rule.ruleName },
    statistic: 'Sum',
    period: fiveMinutes,
  });
}

/**
 * What one of them did not tell counts as nothing.
 * @param label a word, in small letters first; names the parts too, which must differ within a graph
 */
function sum(label: string, metrics: readonly IMetric[], over: Duration): IMetric {
  const [first, ...others] = metrics;
  if (first !== undefined && others.length === 0) return first;
  const named = metrics.map((metric, index) => [`${label}${index}`, metric] as const);
  const expression = named.map(([name]) => `FILL(${name}, 0)`).join(' + ');
  return new MathExpression({ expression, usingMetrics: Object.fromEntries(named), period: over, label });
}
