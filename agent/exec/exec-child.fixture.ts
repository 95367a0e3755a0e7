import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { execConfig } from './config.ts';
import { startExec } from './main.ts';
import type { Postfix } from './postfix.ts';
import { realPostfix } from './real.ts';
import { silent } from './rig.fixture.ts';

/**
 * exec as a program of its own that kills itself (SIGKILL) just before or just after its n-th run of postsuper. Takes
 * the name of a JSON file `{config, stateDirectory, kill?: {at, when}}`.
 */
const input = z.object({
  config: execConfig,
  stateDirectory: z.string(),
  kill: z.object({ at: z.int(), when: z.enum(['before', 'after']) }).optional(),
});

const { config, stateDirectory, kill } = input.parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
const real = await realPostfix(config.instances);
let runs = 0;
const postfix: Postfix = {
  ...real,
  async postsuper(instance, act, queueIds) {
    runs += 1;
    if (runs === kill?.at && kill.when === 'before') process.kill(process.pid, 'SIGKILL');
    const changed = await real.postsuper(instance, act, queueIds);
    if (runs === kill?.at && kill.when === 'after') process.kill(process.pid, 'SIGKILL');
    return changed;
  },
};
await startExec({ config, stateDirectory, postfix, log: silent });
process.send?.('ready');
