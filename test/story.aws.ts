import { afterEach, expect, test } from 'vitest';
import { settingsFromOutputs, startLocalLambdas } from '../bench/aws/central.ts';
import { type Fleet, startFleet } from '../cli/demo/fleet.ts';
import { play } from '../cli/demo/play.ts';
import { realRelays } from '../cli/demo/real-relay.ts';
import { describeOnAws } from '../lab/aws/describe.ts';
import { place } from '../lab/aws/servers.ts';
import { makeCast, thiefNetwork } from '../lab/cast.ts';
import { describeWithPostfix } from '../lab/real-parts.ts';
import { inNetwork } from '../shared/wire/selection.ts';
import { silent } from './hub-fixture.ts';

await describeOnAws('on AWS', 'stack', ({ endpoint, outputs }) => {
  const cast = makeCast('example.org');
  let fleet: Fleet | undefined;
  afterEach(() => fleet?.close());

  describeWithPostfix('a stolen account, over the deployed queues, table and key', () => {
    test('I4, I6, I12: the thief’s mail is held, proven and purged, everybody else’s is there byte for byte', async () => {
      const settings = settingsFromOutputs('local', outputs, { endpoint, region: place.region, realm: cast.realm });
      const relays = realRelays(() => {});
      fleet = await startFleet(relays, ['mx1', 'mx2'], cast, silent, () => startLocalLambdas(settings, silent));
      const outcome = await play(fleet, cast, { tell: () => {}, signal: new AbortController().signal });
      expect(outcome).toMatchObject({ simulated: false, relays: 2, spamDelivered: 0, innocentsTouched: 0 });
      expect(outcome.spamAccepted).toBeGreaterThan(20);
      for (const relay of fleet.relays) {
        for (const file of (await relay.truth()).values()) {
          expect(file.client === undefined || !inNetwork(file.client, thiefNetwork)).toBe(true);
          expect(file.held).toBe(false);
        }
      }
    }, 120_000);
  });
});
