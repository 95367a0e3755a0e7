import { expect, test } from 'vitest';
import { settingsOf, tellsPrincipals } from './settings.ts';

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

test('I9: an endpoint of AWS’s own tells principals, another one is not believed to', () => {
  const at = (AWS_ENDPOINT_URL?: string): boolean =>
    tellsPrincipals(settingsOf({ ...complete, ...(AWS_ENDPOINT_URL !== undefined && { AWS_ENDPOINT_URL }) }));
  expect(at()).toBe(true);
  expect(at('https://vpce-1.sqs.eu-central-1.vpce.amazonaws.com')).toBe(true);
  expect(at('https://sqs.cn-north-1.amazonaws.com.cn')).toBe(true);
  expect(at('https://sqs.eu-central-1.api.aws')).toBe(true);
  expect(at('http://127.0.0.1:4566')).toBe(false);
  expect(at('https://sqs.amazonaws.com.example.org')).toBe(false);
});
