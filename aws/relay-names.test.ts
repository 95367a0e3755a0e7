import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commandQueueName, relayNamePrefix, relayResourceName } from './relay-names.ts';

const environment = fc.stringMatching(/^[a-z][a-z0-9-]{0,19}$/);
const relay = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,62}$/);

test('names fit IAM and SQS, begin with the environment, and two relays never share one', () => {
  expect(commandQueueName('production', 'mx1.example.org')).toBe('holdfast-production-relay-mx1_example_org.fifo');
  fc.assert(
    fc.property(environment, relay, relay, (env, one, other) => {
      for (const name of [relayResourceName(env, one), commandQueueName(env, one)]) {
        expect(name).toMatch(/^[\w.-]{1,69}$/);
        expect(name.startsWith(relayNamePrefix(env))).toBe(true);
      }
      expect(commandQueueName(env, one) === commandQueueName(env, other)).toBe(one === other);
    }),
  );
});
