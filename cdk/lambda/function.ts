import { join } from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { type BundlingOptions, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcards } from '../acknowledge.ts';
import { allow } from './allow.ts';

/** Where cdk.json lies. */
export const checkout = join(import.meta.dirname, '../..');
/** Where Lambda unpacks a bundle; the rules lie beside it. */
const unpackedRules = '/var/task/rules';

export interface HoldfastFunctionProps {
  /** `holdfast-ENV-NAME`: name of function and log group, and the dimension `service` of its metrics. */
  readonly functionName: string;
  readonly description: string;
  /** Its entry is aws/lambda/NAME.ts. */
  readonly name: string;
  /** CPU comes with it: 1,769 MB is one core. */
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  /** Copies that may run at once. Absent: bounded by what calls it. */
  readonly reservedConcurrency?: number;
  readonly variables: Readonly<Record<string, string>>;
  /** Folder of rules to put beside the bundle, from the checkout. */
  readonly rules: string;
  /** All that it may do, beside writing its own log and traces. */
  readonly rights: readonly PolicyStatement[];
}

/** One entry of aws/lambda as a function: its bundle, its role, its log. */
export class HoldfastFunction extends Construct {
  readonly lambda: NodejsFunction;

  constructor(scope: Construct, id: string, props: HoldfastFunctionProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/aws/lambda/${props.functionName}`,
      // Long enough to look into an incident; what must be kept longer, the audit, is in the table.
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // A role of our own: the library's would begin with a managed policy that may write any log.
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    role.addToPolicy(allow('OwnLog', ['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroup.logGroupArn]));
    for (const right of props.rights) role.addToPolicy(right);

    this.lambda = new NodejsFunction(this, 'Function', {
      functionName: props.functionName,
      description: props.description,
      entry: join(checkout, `aws/lambda/${props.name}.ts`),
      projectRoot: checkout,
      depsLockFilePath: join(checkout, 'package-lock.json'),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: props.memoryMb,
      timeout: Duration.seconds(props.timeoutSeconds),
      ...(props.reservedConcurrency !== undefined && { reservedConcurrentExecutions: props.reservedConcurrency }),
      role,
      logGroup,
      tracing: Tracing.ACTIVE,
      environment: {
        ...props.variables,
        HOLDFAST_RULES: unpackedRules,
        POWERTOOLS_SERVICE_NAME: props.functionName,
        POWERTOOLS_LOG_LEVEL: 'INFO',
      },
      bundling: bundling(props.rules),
    });
    acknowledge(role, 'AwsSolutions::AwsSolutions-IAM5[Resource::*]', 'Traces: X-Ray knows no resources.');
    const reason = 'Only what begins as this environment’s relays do: queues and identities that come with enrolment.';
    acknowledgeWildcards(role, props.rights, reason);
  }
}

/** One file for each function, the SDK in it: what was tested is what runs, and it starts sooner than Lambda's own. */
function bundling(rules: string): BundlingOptions {
  return {
    format: OutputFormat.ESM,
    target: 'node24',
    minify: true,
    // A map would double what a cold start reads; a stack's names are kept without.
    keepNames: true,
    sourceMap: false,
    externalModules: [],
    mainFields: ['module', 'main'],
    // Packages that are CommonJS still ask for it.
    banner: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
    commandHooks: {
      beforeInstall: () => [],
      beforeBundling: () => [],
      afterBundling: (input, output) => [`cp -R '${join(input, rules)}' '${join(output, 'rules')}'`],
    },
  };
}
