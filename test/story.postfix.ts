import { afterEach, expect, test } from 'vitest';
import { type Fleet, startFleet } from '../cli/demo/fleet.ts';
import { play } from '../cli/demo/play.ts';
import { realRelays } from '../cli/demo/real-relay.ts';
import { makeCast, password, thiefNetwork } from '../lab/cast.ts';
import { describeWithPostfix } from '../lab/real-parts.ts';
import type { SmtpSession } from '../lab/smtp-client.ts';
import { inNetwork } from '../shared/wire/selection.ts';
import { eventually, silent } from './hub-fixture.ts';

const cast = makeCast('example.org');
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function fleetOf(...names: string[]): Promise<Fleet> {
  const fleet = await startFleet(
    realRelays(() => {}),
    names,
    cast,
    silent,
  );
  closers.push(() => fleet.close());
  return fleet;
}

describeWithPostfix('a stolen account on real Postfix', () => {
  test('I4, I6, I12: the thief’s mail is held, proven and purged, everybody else’s is there byte for byte', async () => {
    const fleet = await fleetOf('mx1', 'mx2');
    const outcome = await play(fleet, cast, { tell: () => {}, signal: new AbortController().signal });
    expect(outcome).toMatchObject({ simulated: false, relays: 2, spamDelivered: 0, innocentsTouched: 0 });
    expect(outcome.spamAccepted).toBeGreaterThan(20);
    // The queue files themselves: whatever a login of the account sent from the thief's network is gone.
    let owners = 0;
    for (const relay of fleet.relays) {
      for (const file of (await relay.truth()).values()) {
        expect(file.client === undefined || !inNetwork(file.client, thiefNetwork)).toBe(true);
        expect(file.held).toBe(false);
        if (file.login?.toLowerCase().startsWith('thief')) owners += 1;
      }
    }
    expect(owners).toBeGreaterThan(0);
  });

  test('a session that was open before is shut out under every spelling, its next mail is not delivered, others stay', async () => {
    const fleet = await fleetOf('mx1');
    const relay = fleet.relays[0];
    if (relay === undefined) throw new Error('no relay');
    const open = (localAddress: string, login: string): Promise<SmtpSession> =>
      relay.openSession({ localAddress, login, password });
    const mail = (from: string) => ({ from, to: ['x@far.test'], raw: `From: ${from}\r\nSubject: x\r\n\r\nbody\r\n` });

    const quiet = await open('127.66.1.1', 'thief@example.org');
    const other = await open('127.10.9.9', 'anna');
    await quiet.send(mail('early@forged.test'));
    await other.send(mail('anna@example.org'));
    const burst = await open('127.66.2.2', 'Thief@example.org');
    const late = mail('late@forged.test');
    for (let index = 0; index < 30; index++) {
      const sent = await burst.send(mail(`s${index % 10}@forged.test`)).catch(() => undefined);
      if (sent === undefined) break;
    }
    const finding = await eventually(async () => (await fleet.api.findings(1))[0]);
    expect(finding.account).toBe('thief@example.org');
    await eventually(async () => ((await fleet.api.finding(finding.id)).relays.length > 0 ? true : undefined));

    const lateId = await quiet.send(late).catch(() => undefined);
    await Promise.race([quiet.ended, burst.ended]);
    await quiet.ended;
    await burst.ended;
    const again = await open('127.66.3.3', 'thief');
    const heldId = await again.send(late);
    await again.close();

    const truth = await eventually(async () => {
      const files = await relay.truth();
      const escaped = [...files.values()].some((file) => !file.held && file.login?.toLowerCase().startsWith('thief'));
      return escaped ? undefined : files;
    });
    expect(truth.get(heldId)?.held).toBe(true);
    if (lateId !== undefined) expect(truth.get(lateId)?.held).toBe(true);
    await other.send(mail('anna@example.org'));
    await other.close();
  });
});
