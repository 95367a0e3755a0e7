import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, inject, it } from 'vitest';
import type { Stand } from './stand.ts';
import type { StandState } from './vitest-setup.ts';

/**
 * A suite that needs a part of the stand: endpoints of a service, the deployed stack. The file awaits it, for it waits
 * until they are there. Left out where this machine cannot have them, it says why in one line (test/reporter.ts prints
 * it); with CI set it fails instead.
 */
export async function describeOnAws<Part extends keyof Stand>(
  name: string,
  part: Part,
  suite: (part: NonNullable<Stand[Part]>) => void,
): Promise<void> {
  const state = await standState(inject('awsStandFile'));
  if ('failure' in state) throw new Error(state.failure);
  if ('lack' in state) return leaveOut(name, state.lack);
  const given = state.stand[part];
  if (given === undefined || ('length' in given && given.length === 0)) {
    return leaveOut(name, 'the endpoints that were given have nothing for it');
  }
  describe(name, () => suite(given));
}

function leaveOut(name: string, reason: string): void {
  describe.skip(`${name} (left out: ${reason})`, () => it('needs AWS-compatible servers', () => {}));
}

/** The setup tells in any case, so this ends. */
async function standState(file: string): Promise<StandState> {
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text !== undefined) {
      const state: StandState = JSON.parse(text);
      return state;
    }
    await sleep(200);
  }
}
