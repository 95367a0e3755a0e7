import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { missingForAws } from './missing.ts';
import { FetchError } from './parts.ts';
import { ownEndpoints, type Stand, standFolder, startStand } from './stand.ts';

/** How the stand's start ended: running, left out for what this machine lacks, or failed. */
export type StandState = { readonly stand: Stand } | { readonly lack: string } | { readonly failure: string };

declare module 'vitest' {
  interface ProvidedContext {
    /** Holds a {@link StandState} once the start has ended. */
    readonly awsStandFile: string;
  }
}

/**
 * Starts the stand for a test run and does not wait for it: other projects run meanwhile, and those tests that need it
 * wait for the file.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = standFolder();
  const file = join(folder, 'stand.json');
  project.provide('awsStandFile', file);
  const tell = async (state: StandState): Promise<void> => {
    await writeFile(`${file}.part`, JSON.stringify(state));
    await rename(`${file}.part`, file);
  };
  const stopping = new AbortController();
  const starting = start(folder, stopping.signal, tell);
  return async () => {
    stopping.abort();
    const close = await starting;
    await close();
  };
}

/** Never rejects: what went wrong is told. */
async function start(
  folder: string,
  signal: AbortSignal,
  tell: (state: StandState) => Promise<void>,
): Promise<() => Promise<void>> {
  const own = ownEndpoints(process.env);
  const required = Boolean(process.env['CI']);
  const nothing = async (): Promise<void> => {};
  const lack = own === undefined ? missingForAws() : undefined;
  if (lack !== undefined) {
    await tell(required ? { failure: lack } : { lack });
    return nothing;
  }
  try {
    const { stand, close } = await startStand(own, folder, signal);
    await tell({ stand });
    return close;
  } catch (error) {
    const isLeftOut = error instanceof FetchError && !required;
    await tell(isLeftOut ? { lack: error.message } : { failure: String(error) });
    return nothing;
  }
}
