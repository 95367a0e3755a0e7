import { runSimulation, type Simulation } from '@cloud-copilot/iam-simulate';
import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as z from 'zod';

/** Bound to an account and a region, so that a template's ARNs are literal but for its own resources. */
export const place = { account: '123456789012', region: 'eu-central-1' };
const here = `${place.region}:${place.account}`;

export interface Policy {
  readonly Version: string;
  readonly Statement: readonly unknown[];
}

/** What is asked of IAM: may somebody under these policies do this there? */
export interface Question {
  readonly principal: string;
  readonly policy: Policy;
  readonly boundary?: Policy;
  readonly action: string;
  readonly resource: string;
  /** Of the resource itself: queues refuse plain HTTP, keys hand the decision to IAM. */
  readonly resourcePolicy?: Policy | undefined;
  readonly context?: Readonly<Record<string, string | string[]>>;
}

/** IAM's answer, by a simulator of its rules. @throws Error where the question makes no sense to IAM */
export async function isAllowed(question: Question): Promise<boolean> {
  const { principal, policy, boundary, action, resource, resourcePolicy, context = {} } = question;
  const simulation: Simulation = {
    request: {
      principal,
      action,
      resource: { resource, accountId: place.account },
      contextVariables: { 'aws:SecureTransport': 'true', ...context },
    },
    identityPolicies: [{ name: 'own', policy }],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(resourcePolicy !== undefined && { resourcePolicy }),
    ...(boundary !== undefined && { permissionBoundaryPolicies: [{ name: 'boundary', policy: boundary }] }),
  };
  const answer = await runSimulation(simulation, {});
  if (answer.resultType === 'error') throw new Error(`${action} on ${resource}: ${JSON.stringify(answer.errors)}`);
  return answer.overallResult === 'Allowed';
}

const resource = z.object({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).default({}) });
const output = z.object({ Value: z.unknown() });
type Resources = Readonly<Record<string, z.infer<typeof resource>>>;

/** Templates as they are once deployed: references are ARNs, ids and names. */
export class Deployed {
  readonly #stacks: ReadonlyMap<string, { readonly resources: Resources; readonly outputs: Record<string, unknown> }>;

  constructor(stacks: readonly Stack[]) {
    // An output for another stack is made when that one is synthesised.
    for (const stack of stacks) Template.fromStack(stack);
    const parsed = stacks.map((stack) => {
      const template = Template.fromStack(stack);
      const outputs = z.record(z.string(), output).parse(template.findOutputs('*'));
      const resources = z.record(z.string(), resource).parse(template.toJSON()['Resources']);
      const values = Object.fromEntries(Object.entries(outputs).map(([name, { Value }]) => [name, Value]));
      return [stack.stackName, { resources, outputs: values }] as const;
    });
    this.#stacks = new Map(parsed);
  }

  /** Policy documents of resources of one type, by logical id. */
  policies(type: string): ReadonlyMap<string, { readonly document: Policy; readonly properties: unknown }> {
    const found = [...this.#stacks].flatMap(([stack, { resources }]) =>
      Object.entries(resources)
        .filter(([, { Type }]) => Type === type)
        .map(([logicalId, { Properties }]) => {
          const { PolicyDocument, KeyPolicy, ...properties } = this.#resolved(stack, Properties) as Record<
            string,
            unknown
          >;
          return [logicalId, { document: (PolicyDocument ?? KeyPolicy) as Policy, properties }] as const;
        }),
    );
    return new Map(found);
  }

  #resolved(stack: string, value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#resolved(stack, each));
    if (typeof value !== 'object' || value === null) return value;
    const [[name, argument] = ['', undefined], ...more] = Object.entries(value);
    if (more.length > 0 || !/^(Ref|Fn::)/.test(name)) {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.#resolved(stack, each)]));
    }
    const resources = this.#stacks.get(stack)?.resources ?? {};
    if (name === 'Ref') return argument === 'AWS::Partition' ? 'aws' : refOf(String(argument), resources);
    if (name === 'Fn::GetAtt') return arnOf(String(argument[0]), resources);
    if (name === 'Fn::Join') return argument[1].map((each: unknown) => this.#resolved(stack, each)).join(argument[0]);
    if (name === 'Fn::GetStackOutput') {
      return this.#resolved(argument.StackName, this.#stacks.get(argument.StackName)?.outputs[argument.OutputName]);
    }
    throw new Error(`cannot resolve ${JSON.stringify(value)}`);
  }
}

function refOf(logicalId: string, resources: Resources): string {
  return resources[logicalId]?.Type === 'AWS::IAM::ManagedPolicy' ? arnOf(logicalId, resources) : logicalId;
}

function arnOf(logicalId: string, resources: Resources): string {
  const { Type, Properties = {} } = resources[logicalId] ?? {};
  switch (Type) {
    case 'AWS::SQS::Queue':
      return `arn:aws:sqs:${here}:${Properties['QueueName']}`;
    case 'AWS::DynamoDB::GlobalTable':
      return `arn:aws:dynamodb:${here}:table/${Properties['TableName']}`;
    case 'AWS::KMS::Key':
      return `arn:aws:kms:${here}:key/${logicalId}`;
    case 'AWS::IAM::ManagedPolicy':
      return `arn:aws:iam::${place.account}:policy/${Properties['ManagedPolicyName']}`;
    case 'AWS::Logs::LogGroup':
      return `arn:aws:logs:${here}:log-group:${Properties['LogGroupName']}:*`;
    default:
      return `${Type} ${logicalId}`;
  }
}
