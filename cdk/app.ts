/**
 * Holdfast on AWS (docs/aws.md).
 *
 *     npx cdk synth                             writes cdk.out/; environment `dev`, no network, no credentials
 *     npx cdk synth -c environment=production   another one of those in cdk.json
 *     npx cdk diff, npx cdk deploy --all        against the account; both take the same -c
 *
 * An environment in cdk.json may name its `account` and `region`; then it is deployed there or not at all.
 * `local` is LocalStack.
 */
import { App } from 'aws-cdk-lib';
import { chooseEnvironment } from './environment.ts';
import { addStacks } from './stacks.ts';

const app = new App();
addStacks(app, chooseEnvironment(app.node.tryGetContext('environment'), app.node.tryGetContext('environments')));
