import { Match, Template } from 'aws-cdk-lib/assertions';
import { expect, test } from 'vitest';
import { madeStacks } from './stacks.fixture.ts';

const { monitoring } = madeStacks();
const template = Template.fromStack(monitoring);
const alarms = new Map(
  Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => [
    String(Properties.AlarmName).replace('holdfast-test-', ''),
    Properties,
  ]),
);

test('each thing that may go wrong has its alarm', () => {
  const functions = ['api', 'dispatch', 'enrol', 'ingest', 'record', 'schedule'];
  expect([...alarms.keys()].sort()).toEqual(
    [
      ...['events', 'reports', 'dispatch'].flatMap((queue) => [`${queue}-late`, `${queue}-dead-letters`]),
      'set-aside',
      'relays-silent',
      'relays-lines-stopped',
      'packs-lost',
      'relays-clock-off',
      'containments-braked',
      'dead-letters-flood',
      'orders-refused',
      ...functions.flatMap((name) => [`${name}-errors`, `${name}-throttles`]),
      'table-throttles',
      'findings-undelivered',
    ].sort(),
  );
});

test('every alarm tells the operations topic when it begins and when it ends, in words', () => {
  for (const [name, { AlarmActions, OKActions, AlarmDescription }] of alarms) {
    expect([AlarmActions, OKActions], name).toEqual([[expect.anything()], [expect.anything()]]);
    expect(AlarmDescription, name).toMatch(/^[A-Z][\x20-\x7e]+\.$/);
  }
  const told = new Set([...alarms.values()].map(({ AlarmActions }) => JSON.stringify(AlarmActions)));
  expect([...told]).toEqual([expect.stringContaining('Operations')]);
});

test('silence of the schedule is an alarm, silence of a dead-letter queue changes nothing, all other silence is good', () => {
  const byMissing = (missing: string) =>
    [...alarms].filter(([, { TreatMissingData }]) => TreatMissingData === missing).map(([name]) => name);
  expect(byMissing('breaching')).toEqual(['relays-silent']);
  expect(byMissing('ignore').sort()).toEqual([
    'dispatch-dead-letters',
    'events-dead-letters',
    'reports-dead-letters',
    'set-aside',
  ]);
  expect(byMissing('notBreaching')).toHaveLength(alarms.size - 5);
});

test('the functions’ own counts are looked for where the functions write them', () => {
  template.hasResourceProperties('AWS::CloudWatch::Alarm', {
    AlarmName: 'holdfast-test-relays-silent',
    Namespace: 'Holdfast',
    MetricName: 'relaysSilent',
    Dimensions: [{ Name: 'service', Value: Match.anyValue() }],
    Period: 60,
  });
  // Both who count it.
  expect(alarms.get('containments-braked')?.Metrics).toHaveLength(3);
});

test('there is one dashboard', () => {
  template.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
  template.hasResourceProperties('AWS::CloudWatch::Dashboard', { DashboardName: 'holdfast-test' });
});
