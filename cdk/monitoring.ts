import { Stack, type StackProps } from 'aws-cdk-lib';
import { TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { FunctionsStack } from './functions.ts';
import {
  Alarms,
  counted,
  failures,
  oldestMessageSeconds,
  period,
  tableThrottles,
  undelivered,
  waitingMessages,
} from './monitoring/alarms.ts';
import { addDashboard } from './monitoring/dashboard.ts';
import type { StatefulStack } from './stateful.ts';

export interface MonitoringProps extends StackProps {
  readonly stateful: StatefulStack;
  readonly functions: FunctionsStack;
}

/** Nothing told is nothing happened: these counts are written only when there is something to count. */
const quietIsGood = TreatMissingData.NOT_BREACHING;
/** Written each minute, zero too: where it is missing, nobody looks any more. */
const quietIsBad = TreatMissingData.BREACHING;
/** SQS stops telling of a queue that nobody has touched for hours; what lay in it lies there still. */
const quietIsUnchanged = TreatMissingData.IGNORE;

/** Alarms to the operations topic, and one dashboard. docs/aws.md says of each what to do. */
export class MonitoringStack extends Stack {
  /** @param environment part of each name: see environment.ts */
  constructor(scope: Construct, id: string, environment: string, { stateful, functions, ...props }: MonitoringProps) {
    super(scope, id, props);
    const prefix = `holdfast-${environment}`;
    const alarms = new Alarms(this, 'Alarms', { prefix, topic: stateful.operationsTopic });
    this.#queues(alarms, stateful);
    this.#relays(alarms, functions);
    this.#platform(alarms, stateful, functions);
    this.#dashboard(prefix, alarms, stateful, functions);
  }

  #queues(alarms: Alarms, { events, reports, dispatch, dead }: StatefulStack): void {
    // Detection takes seconds; twice two minutes is no hiccup.
    for (const [name, { queue, deadLetters }] of Object.entries({ events, reports, dispatch })) {
      alarms.on(oldestMessageSeconds(queue), `${name}-late`, {
        description: `Messages wait in the ${name} queue for minutes: its function fails, is throttled or too slow.`,
        atLeast: 120,
        periods: 2,
        missing: quietIsGood,
      });
      alarms.on(waitingMessages(deadLetters), `${name}-dead-letters`, {
        description: `Messages of the ${name} queue failed for ten minutes. Mend the cause, then redrive ${name}-dead.`,
        atLeast: 1,
        periods: 1,
        missing: quietIsUnchanged,
      });
    }
    alarms.on(waitingMessages(dead), 'set-aside', {
      description: 'Input that no function can read lies in the dead queue, each with its reason. Look, then purge.',
      atLeast: 1,
      periods: 1,
      missing: quietIsUnchanged,
    });
  }

  /** What the functions themselves count. */
  #relays(alarms: Alarms, { functions: { ingest, record, dispatch, schedule } }: FunctionsStack): void {
    alarms.on(counted('relaysSilent', [schedule], period), 'relays-silent', {
      description: 'A relay was not heard for three minutes, or the schedule function does not run at all.',
      atLeast: 1,
      periods: 3,
      missing: quietIsBad,
    });
    alarms.on(counted('relaysLinesStopped', [schedule], period), 'relays-lines-stopped', {
      description:
        'The log of a relay grows while its lines do not arrive: its shipper is down. Nobody watches its mail.',
      atLeast: 1,
      periods: 3,
      missing: quietIsGood,
    });
    alarms.on(counted('packsLost', [schedule]), 'packs-lost', {
      description:
        'Lines of a relay were lost, and could not be sent again. The log of schedule names relay, file and range.',
      atLeast: 1,
      periods: 1,
      missing: quietIsGood,
    });
    alarms.on(counted('relaysClockOff', [record]), 'relays-clock-off', {
      description: 'The clock of a relay is more than a minute off; from five on SQS refuses what it sends.',
      atLeast: 1,
      periods: 1,
      missing: quietIsGood,
    });
    alarms.on(counted('containmentsBraked', [ingest, schedule]), 'containments-braked', {
      description:
        'More accounts than maxContainmentsPerHour: very many are stolen, or a rule is wrong. Findings wait.',
      atLeast: 1,
      periods: 1,
      missing: quietIsGood,
    });
    // One is told by `set-aside`, which stays until somebody looked: this is the flood on top of it.
    alarms.on(counted('deadLetters', [ingest, record]), 'dead-letters-flood', {
      description: 'Unreadable input keeps coming: a broken or hostile relay. The log of the function has the reasons.',
      atLeast: 20,
      periods: 1,
      missing: quietIsGood,
    });
    alarms.on(counted('ordersRefused', [record, dispatch]), 'orders-refused', {
      description:
        'A relay refused an order, failed with it, or its queue is gone: a containment may not hold there. See the logs.',
      atLeast: 1,
      periods: 1,
      missing: quietIsGood,
    });
  }

  #platform(alarms: Alarms, { table, findingsRule }: StatefulStack, { functions }: FunctionsStack): void {
    for (const [name, lambda] of Object.entries(functions)) {
      // The queues repeat what failed; what keeps failing is worth a call.
      alarms.on(failures([lambda], 'Errors'), `${name}-errors`, {
        description: `The ${name} function fails again and again; its log says why.`,
        atLeast: 1,
        periods: 2,
        of: 3,
        missing: quietIsGood,
      });
      alarms.on(failures([lambda], 'Throttles'), `${name}-throttles`, {
        description: `Calls of the ${name} function are refused: its concurrency is used up, or that of the account.`,
        atLeast: 1,
        periods: 3,
        missing: quietIsGood,
      });
    }
    alarms.on(tableThrottles(table.tableName), 'table-throttles', {
      description: 'DynamoDB throttles the table: a partition is hot, or the quota of the account is used up.',
      atLeast: 1,
      periods: 2,
      of: 3,
      missing: quietIsGood,
    });
    alarms.on(undelivered(findingsRule), 'findings-undelivered', {
      description: 'Findings did not reach their topic: people may not know of them.',
      atLeast: 1,
      periods: 1,
      missing: quietIsGood,
    });
  }

  #dashboard(prefix: string, alarms: Alarms, stateful: StatefulStack, { functions }: FunctionsStack): void {
    const { events, reports, dispatch, dead, table } = stateful;
    const { ingest, record, dispatch: orders, schedule } = functions;
    const consumed = [events, reports, dispatch];
    const all = Object.values(functions);
    const judges = [ingest, schedule];
    addDashboard(this, {
      prefix,
      alarms: alarms.all,
      graphs: [
        {
          title: 'Lines',
          metrics: (['linesParsed', 'linesIgnored', 'linesMalformed', 'linesTooLate'] as const).map((each) =>
            counted(each, [ingest]),
          ),
        },
        {
          title: 'Findings',
          metrics: (['findingsOpened', 'containmentsBraked'] as const).map((each) => counted(each, judges)),
        },
        {
          title: 'Relays',
          metrics: [
            counted('relaysSilent', [schedule], period),
            counted('relaysLinesStopped', [schedule], period),
            counted('relaysClockOff', [record]),
            counted('ordersRefused', [record, orders]),
          ],
        },
        { title: 'Age of the oldest message (s)', metrics: consumed.map(({ queue }) => oldestMessageSeconds(queue)) },
        {
          title: 'Dead letters',
          metrics: [...consumed.map(({ deadLetters }) => waitingMessages(deadLetters)), waitingMessages(dead)],
        },
        { title: 'Duration (ms, p95)', metrics: all.map((lambda) => lambda.metricDuration({ statistic: 'p95' })) },
        {
          title: 'Errors and throttles',
          metrics: [failures(all, 'Errors'), failures(all, 'Throttles'), tableThrottles(table.tableName)],
        },
      ],
    });
  }
}
