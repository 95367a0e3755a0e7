import { schedule } from '../../functions/schedule/handler.ts';
import { noSigner } from '../deps.ts';
import { openDeps, run } from './run.ts';

export const handler = run(schedule(await openDeps(noSigner)));
