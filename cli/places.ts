import type { Command } from 'commander';

/** Where the files are; `--config` and `--state` move them. */
export interface Places {
  readonly config: string;
  readonly state: string;
}

export const defaultPlaces: Places = { config: '/etc/holdfast', state: '/var/lib/holdfast' };

export function placesOf(command: Command): Places {
  const { config, state } = command.optsWithGlobals<Places>();
  return { config, state };
}
