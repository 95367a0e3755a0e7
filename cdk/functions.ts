import { join } from 'node:path';
import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { EventSourceMapping, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { loadRules } from '../shared/decide/rules.ts';
import type { EnvironmentSettings } from './environment.ts';
import { Api } from './lambda/api.ts';
import { checkout, HoldfastFunction } from './lambda/function.ts';
import { eventBus, rightsOf } from './lambda/rights.ts';
import { type StatefulStack, visibilitySeconds } from './stateful.ts';

export interface FunctionsProps extends StackProps {
  readonly stateful: StatefulStack;
  readonly settings: EnvironmentSettings;
}

/**
 * A message counts as unseen again `visibilitySeconds` after it was received, and it may have waited the batching window
 * by then: a function that ended later would find its batch with somebody else.
 */
const consumerSeconds = visibilitySeconds - 5;
/** API Gateway waits thirty. */
const apiSeconds = 29;
/** Sweeps every ten seconds for a minute; the rest is for what they do. A minute that hangs loses one, not two. */
const scheduleSeconds = 90;

/** The functions, what calls them, and what they may do. Nothing in it holds data: it may be deleted and made again. */
export class FunctionsStack extends Stack {
  readonly functions: Readonly<Record<FunctionName, IFunction>>;

  /** @param environment part of each name: see environment.ts */
  constructor(scope: Construct, id: string, environment: string, { stateful, settings, ...props }: FunctionsProps) {
    super(scope, id, props);
    const prefix = `holdfast-${environment}`;
    const rights = rightsOf(environment, stateful);
    const variables = variablesOf(environment, stateful, settings);
    const rules = settings.rules ?? 'rules';
    // A rule that cannot be read fails here, not every function at its start.
    loadRules(join(checkout, rules));
    const add = (name: FunctionName, sizes: Sizes, own: Readonly<Record<string, string>> = {}): IFunction => {
      const { description, ...size } = sizes;
      const construct = new HoldfastFunction(this, name.charAt(0).toUpperCase() + name.slice(1), {
        functionName: `${prefix}-${name}`,
        name,
        description: `Holdfast ${environment}: ${description}`,
        ...size,
        variables: { ...variables, ...own },
        rules,
        rights: rights[name],
      });
      return construct.lambda;
    };

    const ingest = add('ingest', {
      description: 'lines to facts to findings',
      // Parsing is CPU: more than half a core, and room for a pack at its bound (decompressed, of each in the batch).
      memoryMb: 1024,
      timeoutSeconds: consumerSeconds,
    });
    const record = add('record', {
      description: 'what relays report',
      memoryMb: 512,
      timeoutSeconds: consumerSeconds,
    });
    const dispatch = add(
      'dispatch',
      {
        description: 'signed orders to relays',
        // TLS to KMS and SQS for 32 relays at once.
        memoryMb: 1024,
        timeoutSeconds: consumerSeconds,
      },
      // KMS signs some hundred times a second for the whole account: an order to a large fleet meets that limit, and is
      // slowed down by it instead of failing.
      { AWS_RETRY_MODE: 'adaptive', AWS_MAX_ATTEMPTS: '8' },
    );
    const schedule = add('schedule', {
      description: 'sweeps, expiries, silent relays',
      // Parts of the last minutes of a thousand relays.
      memoryMb: 1024,
      timeoutSeconds: scheduleSeconds,
      // Two sweeps side by side would do everything twice.
      reservedConcurrency: 1,
    });
    const api = add('api', { description: 'review, approve, undo', memoryMb: 512, timeoutSeconds: apiSeconds });
    const enrol = add('enrol', { description: 'credentials of relays', memoryMb: 512, timeoutSeconds: apiSeconds });
    this.functions = { ingest, record, dispatch, schedule, api, enrol };

    // A second of waiting fills batches: a pack alone would cost an invocation.
    this.#consume('IngestEvents', ingest, stateful.events.queue, { batchSize: 50, windowSeconds: 1, copies: 20 });
    this.#consume('RecordReports', record, stateful.reports.queue, { batchSize: 25, windowSeconds: 1, copies: 5 });
    // Orders do not wait. The outbox has four shards, and who comes second finds them claimed.
    this.#consume('DispatchNudges', dispatch, stateful.dispatch.queue, { batchSize: 10, windowSeconds: 0, copies: 2 });
    this.#eachMinute(prefix, schedule);
    new Api(this, 'HttpApi', { prefix, api, enrol });
  }

  #consume(id: string, target: IFunction, queue: IQueue, { batchSize, windowSeconds, copies }: Polling): void {
    new EventSourceMapping(this, id, {
      target,
      eventSourceArn: queue.queueArn,
      batchSize,
      maxBatchingWindow: Duration.seconds(windowSeconds),
      maxConcurrency: copies,
      reportBatchItemFailures: true,
    });
  }

  /** A minute that failed is not made up for: the next one does what it left. */
  #eachMinute(prefix: string, schedule: IFunction): void {
    const maxEventAge = Duration.seconds(60);
    schedule.configureAsyncInvoke({ retryAttempts: 0, maxEventAge });
    new Rule(this, 'EachMinute', {
      ruleName: `${prefix}-each-minute`,
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new LambdaFunction(schedule, { retryAttempts: 0, maxEventAge })],
    });
  }
}

export type FunctionName = keyof ReturnType<typeof rightsOf>;

interface Sizes {
  readonly description: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly reservedConcurrency?: number;
}

interface Polling {
  readonly batchSize: number;
  readonly windowSeconds: number;
  /** Of the function, at once. Bounds what a storm of messages may take of the account's concurrency. */
  readonly copies: number;
}

/** What aws/settings.ts reads. */
function variablesOf(
  environment: string,
  { table, events, reports, dispatch, dead, signingKey, relayBoundary }: StatefulStack,
  { realm, realmAliases, maxContainmentsPerHour }: EnvironmentSettings,
): Readonly<Record<string, string>> {
  return {
    HOLDFAST_ENVIRONMENT: environment,
    HOLDFAST_TABLE: table.tableName,
    HOLDFAST_EVENTS_QUEUE: events.queue.queueUrl,
    HOLDFAST_REPORTS_QUEUE: reports.queue.queueUrl,
    HOLDFAST_DISPATCH_QUEUE: dispatch.queue.queueUrl,
    HOLDFAST_DEAD_QUEUE: dead.queueUrl,
    HOLDFAST_SIGNING_KEY: signingKey.keyArn,
    HOLDFAST_EVENT_BUS: eventBus,
    HOLDFAST_RELAY_BOUNDARY: relayBoundary.managedPolicyArn,
    ...(realm !== undefined && { HOLDFAST_REALM: realm }),
    ...(realmAliases !== undefined && { HOLDFAST_REALM_ALIASES: JSON.stringify(realmAliases) }),
    ...(maxContainmentsPerHour !== undefined && {
      HOLDFAST_MAX_CONTAINMENTS_PER_HOUR: String(maxContainmentsPerHour),
    }),
  };
}
