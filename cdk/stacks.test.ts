import { Template } from 'aws-cdk-lib/assertions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { expect, test } from 'vitest';
import { madeStacks } from './stacks.fixture.ts';

test('cdk-nag finds nothing but what is acknowledged with its reason, bound to an account or not', () => {
  expect(() => madeStacks().app.synth()).not.toThrow();
  const place = { account: '000000000000', region: 'us-east-1' };
  expect(() => madeStacks({ name: 'local', place, settings: { notify: 'a@example.org' } }).app.synth()).not.toThrow();
});

test('cdk-nag is awake: a topic without encryption is found', () => {
  const { app, functions } = madeStacks();
  new Topic(functions, 'Open');
  expect(() => app.synth()).toThrow(/AwsSolutions-SNS3/);
});

test('every stack, and every name that is fixed, carries its environment', () => {
  const { app } = madeStacks();
  const nameProperty = /^(?!.*(Attribute|Alias|Stage|Metric|Parameter))[A-Za-z]*Name$/;
  for (const { stackName, template } of app.synth().stacks) {
    expect(stackName).toMatch(/^holdfast-test-/);
    for (const { Type, Properties = {} } of Object.values<Resource>(
      Template.fromJSON(template).toJSON()['Resources'],
    )) {
      for (const [property, value] of Object.entries(Properties)) {
        if (nameProperty.test(property) && typeof value === 'string' && Type !== 'AWS::IAM::Policy')
          expect(`${Type} ${value}`).toContain('holdfast-test');
      }
    }
  }
});

test('everything that can be tagged says what it belongs to', () => {
  const { app } = madeStacks();
  for (const { template } of app.synth().stacks) {
    for (const { Type, Properties } of Object.values<Resource>(template.Resources)) {
      const tags = Properties?.['Tags'];
      if (Type === 'AWS::Lambda::Function' || Type === 'AWS::SQS::Queue') expect(tags).toBeDefined();
      if (Array.isArray(tags)) expect(tags).toContainEqual({ Key: 'environment', Value: 'test' });
    }
  }
});

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}
