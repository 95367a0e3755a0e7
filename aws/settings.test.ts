import { expect, test } from 'vitest';
import { settingsOf } from './settings.ts';

const complete = {
  HOLDFAST_ENVIRONMENT: 'test',
  HOLDFAST_TABLE: 'holdfast-test-items',
  HOLDFAST_EVENTS_QUEUE: 'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-test-events',
  HOLDFAST_REPORTS_QUEUE: 'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-test-reports',
  HOLDFAST_DISPATCH_QUEUE: 'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-test-dispatch',
  HOLDFAST_DEAD_QUEUE: 'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-test-dead',
  HOLDFAST_SIGNING_KEY: 'alias/holdfast-test',
  HOLDFAST_EVENT_BUS: 'default',
  HOLDFAST_RELAY_BOUNDARY: 'arn:aws:iam::123456789012:policy/holdfast-test-relay-boundary',
  HOLDFAST_RULES: '/var/task/rules',
  AWS_REGION: 'eu-central-1',
};

test('what is not said has its default', () => {
  expect(settingsOf(complete)).toMatchObject({ HOLDFAST_MAX_CONTAINMENTS_PER_HOUR: 50, HOLDFAST_REALM_ALIASES: {} });
});

test('every variable that is missing or wrong is named', () => {
  const wrong = { ...complete, HOLDFAST_TABLE: undefined, HOLDFAST_REALM_ALIASES: 'x', HOLDFAST_DEAD_QUEUE: 'dead' };
  expect(() => settingsOf(wrong)).toThrow(/HOLDFAST_TABLE/);
  expect(() => settingsOf(wrong)).toThrow(/want JSON of names to names[\s\S]*HOLDFAST_REALM_ALIASES/);
  expect(() => settingsOf(wrong)).toThrow(/HOLDFAST_DEAD_QUEUE/);
});
