import { expect, test } from 'vitest';
import * as z from 'zod';
import { parseConfig } from './load.ts';

const schema = z.strictObject({
  relay: z.string(),
  heartbeatSeconds: z.int().default(60),
  instances: z.array(z.strictObject({ name: z.string(), configDirectory: z.string() })).default([]),
});

const faultsOf = (text: string): string => {
  try {
    parseConfig(text, 'agent.yaml', schema);
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  return 'no fault';
};

test('a good file yields its values and the defaults', () => {
  expect(parseConfig('relay: mx1\n', 'agent.yaml', schema)).toEqual({
    relay: 'mx1',
    heartbeatSeconds: 60,
    instances: [],
  });
});

test('an unknown key is named with its line and a suggestion', () => {
  expect(faultsOf('relay: mx1\n\nheartbeatSecond: 5\n')).toBe(
    'agent.yaml:3: unknown key heartbeatSecond (did you mean heartbeatSeconds?)',
  );
});

test('a fault deep in a list is named with its line', () => {
  expect(
    faultsOf('relay: mx1\ninstances:\n  - name: a\n    configDirectory: /etc/a\n  - name: b\n    configDir: /etc/b\n'),
  ).toContain('agent.yaml:6: unknown key configDir (known here: name, configDirectory)');
});

test('a wrong type, a missing key and broken YAML name the line', () => {
  expect(faultsOf('relay: mx1\nheartbeatSeconds: soon\n')).toMatch(
    /^agent.yaml:2: heartbeatSeconds: .*expected number/i,
  );
  expect(faultsOf('heartbeatSeconds: 5\n')).toMatch(/^agent.yaml:1: relay: /);
  expect(faultsOf('relay: [\n')).toMatch(/^agent.yaml:\d+: /);
  expect(faultsOf('relay: a\nrelay: b\n')).toMatch(/^agent.yaml:2: /);
});
