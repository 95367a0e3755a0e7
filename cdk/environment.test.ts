import { expect, test } from 'vitest';
import { chooseEnvironment } from './environment.ts';

const environments = { dev: {}, production: { account: '012345678901', region: 'eu-central-1' } };

test('without a choice it is dev, bound to no account', () => {
  expect(chooseEnvironment(undefined, environments)).toEqual({ name: 'dev', place: {}, settings: {} });
});

test('a chosen environment is bound to the account and region that cdk.json gives it', () => {
  expect(chooseEnvironment('production', environments)).toEqual({
    name: 'production',
    place: { account: '012345678901', region: 'eu-central-1' },
    settings: {},
  });
});

test('an environment says what differs from the defaults', () => {
  const settings = {
    realm: 'example.org',
    realmAliases: { 'mail.example.org': 'example.org' },
    maxContainmentsPerHour: 20,
    notify: 'security@example.org',
    rules: 'site/rules',
  };
  const chosen = chooseEnvironment('dev', { dev: { region: 'eu-central-1', ...settings } });
  expect(chosen).toEqual({ name: 'dev', place: { region: 'eu-central-1' }, settings });
});

test('an unknown name is refused with those that there are', () => {
  expect(() => chooseEnvironment('prod', environments)).toThrow(
    'no environment "prod" in cdk.json; there are: dev, production',
  );
});

test('what the template could not use is refused with its place', () => {
  const refused = (entry: unknown): unknown => chooseEnvironment('dev', { dev: entry });
  // Without quotes an account loses its leading zeros.
  expect(() => refused({ account: 12345678901 })).toThrow(/dev\.account/);
  expect(() => refused({ region: 'Frankfurt' })).toThrow(/expected a region, as us-east-1[\s\S]*dev\.region/);
  expect(() => refused({ realm: '@example.org' })).toThrow(/without @ and blanks[\s\S]*dev\.realm/);
  expect(() => refused({ notify: 'nobody' })).toThrow(/dev\.notify/);
  expect(() => refused({ maxContainmentsPerHour: -1 })).toThrow(/dev\.maxContainmentsPerHour/);
  expect(() => refused({ acount: '012345678901' })).toThrow(/"acount"/);
  expect(() => chooseEnvironment('Dev_1', { Dev_1: {} })).toThrow(/Dev_1/);
  for (const name of ['a-relay-b', 'a-relay', 'relay', 'a-events']) {
    expect(() => chooseEnvironment(name, { [name]: {} })).toThrow(/could be part of another one’s names/);
  }
  expect(() => chooseEnvironment('dev', undefined)).toThrow(/context\.environments/);
});
