/**
 * Holdfast on AWS. So far what holds data; the functions over it come as stacks of their own.
 *
 *     npx cdk synth                             prints the template; environment `dev`, no network, no credentials
 *     npx cdk synth -c environment=production   another one of those in cdk.json; also writes cdk.out/
 *     npx cdk diff, npx cdk deploy              against the account; both take the same -c
 *
 * An environment in cdk.json may name its `account` and `region`; then it is deployed there or not at all.
 * `local` is LocalStack.
 */
import { App, Tags } from 'aws-cdk-lib';
import { chooseEnvironment } from './environment.ts';
import { StatefulStack } from './stateful.ts';

const app = new App();
const { name, place, settings } = chooseEnvironment(
  app.node.tryGetContext('environment'),
  app.node.tryGetContext('environments'),
);

new StatefulStack(app, `holdfast-${name}-stateful`, name, {
  env: place,
  ...(settings.notify !== undefined && { notify: settings.notify }),
  description: 'Holdfast: item table, queues, signing key, topics. Holds all data; retained when the stack is deleted.',
});

Tags.of(app).add('application', 'holdfast');
Tags.of(app).add('environment', name);
