import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, inject, it } from 'vitest';
import type { DeployedStack, Stand } from './stand.ts';
import type { StandState } from './vitest-setup.ts';

/**
 * A suite that needs AWS-compatible servers; the file awaits it, for it waits until they are there. Left out where this
 * machine cannot have them, it says why in one line (test/reporter.ts prints it); with CI set it fails instead.
 */
export async function describeOnAws(name: string, suite: (stand: Stand) => void): Promise<void> {
  const state = await standState(inject('awsStandFile'));
  if ('failure' in state) throw new Error(state.failure);
  if ('stand' in state) describe(name, () => suite(state.stand));
  else leaveOut(name, state.lack);
}

/** The same for a suite that needs the deployed stack. */
export async function describeOnStack(name: string, suite: (stack: DeployedStack) => void): Promise<void> {
  await describeOnAws(name, ({ stack }) => {
    if (stack !== undefined) suite(stack);
    else leaveOut(name, 'no HOLDFAST_TEST_AWS_ENDPOINT was given to deploy to');
  });
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
