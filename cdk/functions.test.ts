import { Match, Template } from 'aws-cdk-lib/assertions';
import { expect, test } from 'vitest';
import { settingsOf } from '../aws/settings.ts';
import { addEnrolment } from '../functions/api/enrol-routes.ts';
import { api } from '../functions/api/handler.ts';
import { madeStacks } from './stacks.fixture.ts';
import { visibilitySeconds } from './stateful.ts';

const { functions } = madeStacks();
const template = Template.fromStack(functions);

const lambdas = Object.entries(template.findResources('AWS::Lambda::Function')).map(([logicalId, { Properties }]) => ({
  logicalId,
  name: String(Properties.FunctionName),
  timeoutSeconds: Number(Properties.Timeout),
  variables: Properties.Environment.Variables as Record<string, unknown>,
  properties: Properties,
}));
const named = (name: string) => lambdas.find((each) => each.name === `holdfast-test-${name}`);

test('there is a function for each entry, on ARM and the newest Node, traced, its metrics under its own name', () => {
  expect(lambdas.map(({ name }) => name).sort()).toEqual(
    ['api', 'dispatch', 'enrol', 'ingest', 'record', 'schedule'].map((name) => `holdfast-test-${name}`),
  );
  template.allResourcesProperties('AWS::Lambda::Function', {
    Architectures: ['arm64'],
    Runtime: 'nodejs24.x',
    TracingConfig: { Mode: 'Active' },
  });
  for (const { name, variables } of lambdas) expect(variables['POWERTOOLS_SERVICE_NAME']).toBe(name);
});

test('each function is told all that aws/settings.ts asks for', () => {
  for (const { variables } of lambdas) {
    // What is only known once it is deployed stands in the template as a reference; here, as a URL.
    const told = Object.entries(variables).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : 'https://sqs.test/1/q',
    ]);
    expect(() => settingsOf({ ...Object.fromEntries(told), AWS_REGION: 'us-east-1' })).not.toThrow();
  }
});

test('a site’s settings reach the functions as aws/settings.ts reads them', () => {
  const settings = {
    realm: 'example.org',
    realmAliases: { 'mail.example.org': 'example.org' },
    maxContainmentsPerHour: 20,
  };
  Template.fromStack(madeStacks({ settings }).functions).allResourcesProperties('AWS::Lambda::Function', {
    Environment: {
      Variables: {
        HOLDFAST_REALM: 'example.org',
        HOLDFAST_REALM_ALIASES: '{"mail.example.org":"example.org"}',
        HOLDFAST_MAX_CONTAINMENTS_PER_HOUR: '20',
      },
    },
  });
});

test('a folder of rules that the functions could not read is refused before it is deployed', () => {
  expect(() => madeStacks({ settings: { rules: 'no/such/folder' } })).toThrow(/no\/such\/folder/);
  expect(() => madeStacks({ settings: { rules: 'agent/vector' } })).toThrow(/agent\/vector/);
});

test('each function writes a log of its own name, which ends', () => {
  const groups = Object.values(template.findResources('AWS::Logs::LogGroup')).map(({ Properties }) => Properties);
  for (const { name } of lambdas) {
    expect(groups.find(({ LogGroupName }) => LogGroupName === `/aws/lambda/${name}`)?.RetentionInDays).toBe(30);
  }
  for (const { RetentionInDays } of groups) expect(RetentionInDays).toBeGreaterThan(0);
  template.allResources('AWS::Logs::LogGroup', { DeletionPolicy: 'Delete' });
});

test('a function that takes a queue’s messages ends before they are seen again, with a second of batching between', () => {
  const sources = Object.values(template.findResources('AWS::Lambda::EventSourceMapping')).map(
    (each) => each.Properties,
  );
  expect(sources).toHaveLength(3);
  for (const source of sources) {
    const consumer = lambdas.find(({ logicalId }) => logicalId === source.FunctionName.Ref);
    const windowSeconds = Number(source.MaximumBatchingWindowInSeconds);
    expect((consumer?.timeoutSeconds ?? 99) + windowSeconds).toBeLessThan(visibilitySeconds);
  }
});

test('ingest and record wait a second for a batch, dispatch does not; each fails by message and has a bound', () => {
  const of = (name: string) => {
    const consumer = named(name)?.logicalId ?? '';
    return Object.values(
      template.findResources('AWS::Lambda::EventSourceMapping', { Properties: { FunctionName: { Ref: consumer } } }),
    )[0]?.Properties;
  };
  for (const [name, window] of [
    ['ingest', 1],
    ['record', 1],
    ['dispatch', 0],
  ] as const) {
    expect(of(name)).toMatchObject({
      MaximumBatchingWindowInSeconds: window,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: expect.any(Number) },
    });
  }
});

test('schedule runs each minute, alone, has the minute and more, and is not tried again', () => {
  template.hasResourceProperties('AWS::Events::Rule', {
    ScheduleExpression: 'rate(1 minute)',
    Targets: [Match.objectLike({ RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } })],
  });
  expect(named('schedule')?.properties.ReservedConcurrentExecutions).toBe(1);
  expect(named('schedule')?.timeoutSeconds).toBeGreaterThan(60);
  template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', { MaximumRetryAttempts: 0 });
});

test('the API has each route that the functions have, with the right one behind it, and lets nobody in unsigned', () => {
  const integrations = template.findResources('AWS::ApiGatewayV2::Integration');
  const behind = (target: { 'Fn::Join': [string, [string, { Ref: string }]] }): string => {
    const { Ref } = target['Fn::Join'][1][1];
    const uri = integrations[Ref]?.['Properties'].IntegrationUri['Fn::GetAtt'][0];
    return lambdas.find(({ logicalId }) => logicalId === uri)?.name ?? '';
  };
  const routes = Object.values(template.findResources('AWS::ApiGatewayV2::Route')).map(({ Properties }) => {
    expect(Properties.AuthorizationType).toBe('AWS_IAM');
    return [Properties.RouteKey as string, behind(Properties.Target)];
  });

  const nothing = {} as never;
  const routesOf = (app: { routes: readonly { method: string; path: string }[] }) =>
    app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  const review = routesOf(api(nothing, nothing));
  const all = routesOf(addEnrolment(api(nothing, nothing), nothing, nothing));
  expect(routes.toSorted()).toEqual(
    all.map((route) => [route, review.includes(route) ? 'holdfast-test-api' : 'holdfast-test-enrol']).toSorted(),
  );
});

test('the API’s stage is throttled, and logs who called what', () => {
  template.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
    StageName: '$default',
    DefaultRouteSettings: { ThrottlingBurstLimit: Match.anyValue(), ThrottlingRateLimit: Match.anyValue() },
    AccessLogSettings: { Format: Match.stringLikeRegexp('identity.userArn') },
  });
  expect(Object.keys(template.findOutputs('*'))).toContain('ApiUrl');
});

test('no role carries a policy of somebody else’s', () => {
  template.allResourcesProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
});
