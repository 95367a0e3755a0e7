import { type App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Environment } from './environment.ts';
import { FunctionsStack } from './functions.ts';
import { MonitoringStack } from './monitoring.ts';
import { StatefulStack } from './stateful.ts';

/** Holdfast in one environment, as stacks by how long they live; synthesis fails on what cdk-nag finds. */
export function addStacks(app: App, { name, place, settings }: Environment) {
  const stateful = new StatefulStack(app, `holdfast-${name}-stateful`, name, {
    env: place,
    ...(settings.notify !== undefined && { notify: settings.notify }),
    description:
      'Holdfast: item table, queues, signing key, topics. Holds all data; retained when the stack is deleted.',
  });
  const functions = new FunctionsStack(app, `holdfast-${name}-functions`, name, {
    env: place,
    stateful,
    settings,
    description: 'Holdfast: the functions, what they may do, the API.',
  });
  const monitoring = new MonitoringStack(app, `holdfast-${name}-monitoring`, name, {
    env: place,
    stateful,
    functions,
    description: 'Holdfast: alarms and the dashboard.',
  });

  Tags.of(app).add('application', 'holdfast');
  Tags.of(app).add('environment', name);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { stateful, functions, monitoring };
}
